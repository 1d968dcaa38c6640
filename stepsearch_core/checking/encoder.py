"""The sentence encoder: it is here and whole, and what goes before each text is what its files say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_object
from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.checking.subject import Subject
from stepsearch_core.checking.weights import weight_problem
from stepsearch_core.params import RetrievalParams
from stepsearch_core.planning.disk import built_indexes
from stepsearch_core.policy.structure import local_folder
from stepsearch_core.retrieval.sentence_files import SentenceFiles, read_sentence_files


def check_encoder(subject: Subject) -> Iterator[Finding]:
    """The sentence encoder is here and whole, or will be downloaded."""
    retrieval = subject.params.retrieval
    encoder = retrieval.encoder
    if encoder == "hashing" or "dense" not in built_indexes(subject.params):
        return
    folder = local_folder(encoder)
    if folder is None:
        if encoder.startswith((".", "/", "~")) or encoder.count("/") > 1:
            problem = f"{encoder!r} is no folder"
            yield subject.error("retrieval.encoder", problem, "a folder, a name of the hub, or hashing")
        else:
            yield subject.download("retrieval.encoder", encoder, "the sentence encoder")
        return
    try:
        files = read_sentence_files(folder)
        problem_of = weight_problem(files.weights) if files.weights else None
    except DataError as error:
        problem_of = error.place, error.problem
    if problem_of:
        place, problem = problem_of
        yield Finding(
            Severity.ERROR, place, "retrieval.encoder", problem, "copy or download the folder again, whole"
        )
        return
    if not files.published:
        problem = f"{encoder} has no modules.json, which would say how it pools: {_pooled(folder)} is taken"
        yield subject.note("retrieval.encoder", problem, "the folder of a sentence encoder, if it is none")
    yield from _prompts(subject, retrieval, files)


def _pooled(folder: Path) -> str:
    """What the library takes of a model whose files do not say it."""
    made_as = read_object(folder / "config.json").get("architectures") or [""]
    return "the state of its last token" if made_as[0].endswith("ForCausalLM") else "its mean"


def _prompts(subject: Subject, retrieval: RetrievalParams, files: SentenceFiles) -> Iterator[Finding]:
    """There are none at all, or the parameters have others than the model."""
    pairs = (
        ("retrieval.query_prompt", retrieval.query_prompt, files.query_prompt),
        ("retrieval.passage_prompt", retrieval.passage_prompt, files.passage_prompt),
    )
    if all(given is None and not own for _, given, own in pairs):
        problem = f"the files of {retrieval.encoder} name no prompts: texts are encoded as they are"
        yield subject.note(pairs[0][0], problem, "its model card may ask for some, as E5's does")
    for key, given, own in pairs:
        if own and given not in (None, own):
            problem = f"{given!r} takes the place of the model's own, {own!r}"
            yield subject.warning(key, problem, "null: the model's own")
