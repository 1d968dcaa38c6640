"""Steps of questions that come without: how many a rule and a language model make, and what they are worth.

Published questions over the 36,836 passages of the folder that STEPSEARCH_REAL_DATA names, and HotpotQA's
own paragraphs, with the settings of the profile `musique_local`. The rule sees HotpotQA's supporting facts.
The model, if STEPSEARCH_ENDPOINT is the address of a service and STEPSEARCH_ENDPOINT_MODEL its name there,
sees MuSiQue's questions and answers alone: a support that it arrives at is right if it is among the
question's. Then it makes questions of linked passages.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from perf.measure import PROFILES, report
from perf.real_data import CORPUS, HOTPOT, TRAIN, real_data
from stepsearch_core.base.types import Passage, Question
from stepsearch_core.benchmarks.readers import read_benchmark
from stepsearch_core.data.corpus import Corpus, build_corpus, read_corpus_file
from stepsearch_core.endpoint.endpoint import REPLIES, Endpoint
from stepsearch_core.params import Params
from stepsearch_core.profiles import load_profile
from stepsearch_core.retrieval.index import build_index, open_retriever
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.decomposition import decompose
from stepsearch_core.synthesis.filtering import add_search_keys
from stepsearch_core.synthesis.key_writers import Rules
from stepsearch_core.synthesis.linked import make_linked
from stepsearch_core.synthesis.sources import open_sources
from stepsearch_core.synthesis.steps import by_rule
from stepsearch_core.synthesis.synthesize import mine_phrasings

PAIRS = 200
"""Of linked passages."""


def main(quick: bool) -> None:
    """Print all figures; `quick` asks the model about a tenth.

    Raises:
        SystemExit: STEPSEARCH_REAL_DATA names no folder with the files.
    """
    real = real_data(CORPUS, HOTPOT, TRAIN)
    params = load_profile(PROFILES / "musique_local.yaml")
    hotpot = list(read_benchmark("hotpotqa", real / HOTPOT, "train"))
    musique = [example.question for example in read_benchmark("musique", real / TRAIN, "train")]
    with tempfile.TemporaryDirectory(prefix="stepsearch-steps-") as name:
        folder = Path(name)
        passages = chain(read_corpus_file(real / CORPUS), *(example.context for example in hotpot))
        build_corpus(passages, folder / "corpus")
        corpus = Corpus.open(folder / "corpus")
        build_index(corpus, params.retrieval, folder / "index", measured=["bm25", "dense"])
        retriever = open_retriever(params.retrieval, folder / "index", corpus)
        figures = _by_rule([example.question for example in hotpot], corpus, params, retriever, folder)
        counts: dict[str, Any] = {}
        if url := os.environ.get("STEPSEARCH_ENDPOINT"):
            params.endpoint = replace(params.endpoint, url=url)
            params.synthesize.linked_pairs = PAIRS // 10 if quick else PAIRS
            figures |= _by_model(musique[:: 10 if quick else 1], corpus, params, retriever, counts)
    report("steps", figures, {}, 1, [real / CORPUS, real / HOTPOT, real / TRAIN], **counts)


def _by_rule(
    questions: Sequence[Question], corpus: Corpus, params: Params, retriever: Retriever, folder: Path
) -> dict[str, float]:
    """The share of questions that get steps, and of these steps the share that gets a key."""
    made = [q for q in by_rule(questions, corpus, corpus.get) if q.has_decomposition]
    write = Rules(mine_phrasings(made, corpus), corpus.get)
    with open_sources(params, folder / "index", corpus, folder / "searches", retriever) as sources:
        _, counts = add_search_keys(made, write, params.synthesize, sources, corpus.get, _everything)
    hops = counts.hops_by_keys.total()
    return {
        "by_rule": len(made) / len(questions),
        "steps_by_rule_with_a_key": 1 - counts.hops_by_keys[0] / hops,
    }


def _by_model(
    questions: Sequence[Question],
    corpus: Corpus,
    params: Params,
    retriever: Retriever,
    counts: dict[str, Any],
) -> dict[str, Any]:
    """What the model makes of questions and answers, and of linked passages; why not goes into `counts`."""
    endpoint = Endpoint(params.endpoint, os.environ["STEPSEARCH_ENDPOINT_MODEL"], REPLIES)
    bare = [replace(question, hops=()) for question in questions]
    kept, counts["decomposed"] = decompose(
        bare, endpoint, params, retriever=retriever, passage=corpus.get, show=_everything
    )
    gold = {question.id: set(question.support_ids) for question in questions}
    right = [hop.support_ids[0] in gold[question.id] for question in kept for hop in question.hops]
    made, counts["linked"] = make_linked(corpus, retriever, endpoint, params)
    counts["usage"] = endpoint.usage.to_json(params.endpoint)
    figures = {
        "by_model": len(kept) / len(questions),
        "of_linked_passages": len(made) / max(1, counts["linked"]["pairs"]),
    }
    return figures | ({"right_supports_by_model": sum(right) / len(right)} if right else {})


def _everything(passages: Sequence[Passage]) -> list[str]:
    """An environment with room for all."""
    return [passage.id for passage in passages]
