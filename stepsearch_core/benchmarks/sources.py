"""What the fetched files hold: examples, questions, and the passages that go into the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_object
from stepsearch_core.base.types import Passage, Question
from stepsearch_core.benchmarks.examples import Example
from stepsearch_core.benchmarks.readers import read_benchmark, read_decompositions
from stepsearch_core.data.account import Account
from stepsearch_core.data.corpus import read_corpus_file
from stepsearch_core.data.documents import count_documents, read_documents
from stepsearch_core.data.passages import passages_of
from stepsearch_core.params import BENCHMARKS, CATALOGUE, TRAINABLE, TRAINING_FILES, CorpusParams

STANDARD_NAMES = {
    "musique_train": "musique_train.jsonl",
    "hotpotqa_train": "hotpotqa_train.json",
    "2wikimultihopqa_train": "2wikimultihopqa_train.json",
    "qa_train": "qa_train.jsonl",
    **{name: benchmark.file for name, benchmark in CATALOGUE.items()},
    "corpus": "corpus.jsonl",
    "decompositions": "decompositions.jsonl",
}
"""Keys of `fetch.files`, and what each file is called when fetched (a benchmark keeps its own suffix)."""
DOCUMENTS = "documents"
"""One more key, of a file or folder; what is fetched lies under its own names in a folder of this name."""
FILE_KEYS = (*STANDARD_NAMES, DOCUMENTS)
QUESTION_FILES = {
    **{key: (name, "train") for key, name in zip(TRAINING_FILES, TRAINABLE, strict=True)},
    **{name: (name, "test") for name in BENCHMARKS},
}
"""(format, split) of each file of questions, those for training first."""


def fetched_file(folder: Path | str, key: str) -> Path | None:
    """The fetched file of a key of `STANDARD_NAMES`, whatever its suffix, or None."""
    return next(iter(sorted(Path(folder).glob(f"{Path(STANDARD_NAMES[key]).stem}.*"))), None)


def fetched_documents(folder: Path | str) -> Path | None:
    """The folder of the fetched documents, or None."""
    documents = Path(folder) / DOCUMENTS
    return documents if documents.is_dir() else None


def read_examples(folder: Path | str, name: str, split: str) -> Iterator[Example]:
    """The examples of a fetched benchmark, with the hops of the fetched decompositions.

    Args:
        folder: What `fetch` filled.
        name: One of `params.BENCHMARKS`, or for training of `params.TRAINABLE`.
        split: `train` reads the training file, anything else the test file; it is written into the
            questions.

    Raises:
        DataError: the file was not fetched, or damage.
    """
    key = _set_name(name, split)
    path = fetched_file(folder, key) if key in STANDARD_NAMES else None
    if path is None:
        raise DataError(
            f"no file of {key} was fetched: name one in fetch.files or fetch.datasets", folder, field=key
        )
    sidecar = fetched_file(folder, "decompositions")
    given = (
        read_decompositions(sidecar, _account(folder, "decompositions", sidecar))[name] if sidecar else None
    )
    return read_benchmark(name, path, split, given, _account(folder, key, path))


def read_questions(folder: Path | str, name: str, split: str) -> list[Question]:
    """The questions of a fetched benchmark, as `read_examples` reads them.

    Raises:
        DataError: the file was not fetched, or damage.
    """
    return [example.question for example in read_examples(folder, name, split)]


def fetched_passages(params: CorpusParams, folder: Path | str) -> Iterator[Passage]:
    """The passages of the fetched corpus file, then those cut from the fetched documents.

    Raises:
        DataError: damage in a file.
    """
    if fetched_file(folder, "corpus") is not None:
        yield from corpus_file_passages(folder)
    documents = fetched_documents(folder)
    if documents is not None:
        account, count = _account(folder, DOCUMENTS, documents), count_documents(documents)
        bar = tqdm(read_documents(documents, account), total=count, desc=DOCUMENTS, unit=" documents")
        yield from chain.from_iterable(passages_of(document, params) for document in bar)


def question_passages(params: CorpusParams, folder: Path | str) -> Iterator[Passage]:
    """The benchmarks' contexts, if they are asked for or there is neither corpus file nor document.

    Raises:
        DataError: damage in a file.
    """
    alone = fetched_file(folder, "corpus") is None and fetched_documents(folder) is None
    if params.include_benchmarks or alone:
        for _, example in fetched_examples(folder):
            yield from example.context


def corpus_file_passages(folder: Path | str) -> Iterator[Passage]:
    """The passages of the fetched corpus file alone, in its order, with those that it has twice.

    Raises:
        DataError: none was fetched, or damage in it.
    """
    corpus_file = fetched_file(folder, "corpus")
    if corpus_file is None:
        problem = "no file of corpus was fetched, whose passages the vectors of index.ready_made are of"
        raise DataError(f"{problem}: fetch one, or write index.ready_made=null", folder, field="corpus")
    return read_corpus_file(corpus_file, _account(folder, "corpus", corpus_file))


def fetched_benchmarks(folder: Path | str) -> list[tuple[str, str]]:
    """(benchmark, split) of every question file that was fetched, those for training first."""
    return [named for key, named in QUESTION_FILES.items() if fetched_file(folder, key)]


def fetched_examples(folder: Path | str) -> Iterator[tuple[str, Example]]:
    """Every example of every fetched file, with the file's key."""
    for name, split in fetched_benchmarks(folder):
        for example in read_examples(folder, name, split):
            yield _set_name(name, split), example


def fetched_questions(folder: Path | str, limit: int | None = None) -> dict[str, list[Question]]:
    """The first `limit` questions of every fetched file, under its key."""
    return {
        _set_name(name, split): read_questions(folder, name, split)[:limit]
        for name, split in fetched_benchmarks(folder)
    }


def training_questions(folder: Path | str) -> list[Question]:
    """The questions of all fetched training files; none, if there is no such file.

    Raises:
        DataError: damage, or two questions of one id.
    """
    files = [name for name, split in fetched_benchmarks(folder) if split == "train"]
    owners: dict[str, str] = {}
    questions = [question for name in files for question in read_questions(folder, name, "train")]
    for question in questions:
        if (other := owners.setdefault(question.id, question.dataset)) != question.dataset:
            names = f"{_set_name(other, 'train')} and {_set_name(question.dataset, 'train')}"
            raise DataError(f"{question.id!r} is the id of a question of {names}", folder, field="id")
    return questions


def _set_name(name: str, split: str) -> str:
    return f"{name}_train" if split == "train" else name


def _account(folder: Path | str, key: str, path: Path) -> Account:
    """Of a fetched file: as many rows may be dropped as `fetch` dropped; none without a manifest."""
    manifest = Path(folder) / "manifest.json"
    described = read_object(manifest, ["files"])["files"].get(key, {}) if manifest.is_file() else {}
    return Account(path, described.get("dropped", 0))
