"""Search keys by rules: how many steps get one, what keys are worth, and what 20,000 rows cost.

Published text is the 551 and the 100 questions and the 36,836 passages of the folder that
STEPSEARCH_REAL_DATA names, with the settings of the profile `musique_local`, three sources and the first
three results. Whether keys find more than sub-questions is asked of a retriever that had no vote: the
sentence encoder that STEPSEARCH_ENCODER names. It encodes all passages, a quarter of an hour, and is left
out where none is named. `asked_twice_after_kills` is that of `endpoint_kills`.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from perf.endpoint_kills import asked_twice
from perf.measure import PROFILES, report
from perf.real_data import CORPUS, DEV, TRAIN, real_data
from perf.retrieval_recall import real_corpus
from perf.runs import copy_commit, run_module
from stepsearch_core.base.hashes import sha256_json
from stepsearch_core.base.types import Passage, Question
from stepsearch_core.benchmarks.readers import read_benchmark
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import Params
from stepsearch_core.profiles import load_profile
from stepsearch_core.retrieval.index import build_index, open_retriever
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.runtime.work_folder import ROOT
from stepsearch_core.synthesis.filtering import KeyCounts, choose_keys, judged_candidates
from stepsearch_core.synthesis.key_writers import Rules
from stepsearch_core.synthesis.searches import search_all
from stepsearch_core.synthesis.sources import open_sources
from stepsearch_core.synthesis.synthesize import mine_phrasings

KEYS, DEPTH = 6, 3
"""Keys of a step at most, and first results that count."""
WORLD = (
    "fetch.world.people=2000",
    "fetch.world.works=1500",
    "fetch.world.organisations=190",
    "fetch.world.cities=180",
    "fetch.world.train_questions=20200",
)
"""The largest that the generator's names allow, nearly; 200 of its questions are for validation."""
STAGES = ("fetch", "corpus", "index")


def main(quick: bool) -> None:
    """Print all figures; `quick` leaves out the encoder and the 20,000 rows.

    Raises:
        SystemExit: STEPSEARCH_REAL_DATA names no folder with the files.
    """
    real = real_data(CORPUS, DEV, TRAIN)
    with tempfile.TemporaryDirectory(prefix="stepsearch-synthesis-") as name:
        figures, sides = _published(real, Path(name), quick)
        figures["asked_twice_after_kills"], sides["kills"] = asked_twice(Path(name), 2 if quick else 10)
        if not quick:
            figures |= _generated(Path(name) / "generated")
    report("synthesis", figures, sides, 1, [real / CORPUS, real / DEV, real / TRAIN, list(WORLD)])


def _published(real: Path, folder: Path, quick: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    params = load_profile(PROFILES / "musique_local.yaml")
    corpus = real_corpus(real, folder / "corpus")
    build_index(corpus, params.retrieval, folder / "index", measured=["bm25", "dense"])
    rows = chain(
        read_benchmark("musique", real / TRAIN, "train"), read_benchmark("musique", real / DEV, "train")
    )
    questions = [example.question for example in rows]
    write, counts = Rules(mine_phrasings(questions, corpus), corpus.get), KeyCounts()
    searched = open_retriever(params.retrieval, folder / "index", corpus)
    with open_sources(params, folder / "index", corpus, folder / "searches", searched) as sources:
        started = time.perf_counter()
        judged = judged_candidates(
            questions, write, counts, depth=DEPTH, sources=sources, passage=corpus.get, show=_everything
        )
        seconds = time.perf_counter() - started
    of_steps = list(chain.from_iterable(judged))
    majority = -(-len(params.synthesize.sources) // 2)
    some, kept = (
        [choose_keys([c.key for c in own if c.showing >= votes], KEYS)[0] for own in of_steps]
        for votes in (1, majority)
    )
    figures: dict[str, Any] = {
        "steps": len(of_steps),
        "key_coverage": sum(map(bool, some)) / len(of_steps),
        "key_coverage_majority": sum(map(bool, kept)) / len(of_steps),
        "keys_a_step": sum(map(len, kept)) / len(of_steps),
        "keys_per_second": sum(counts.candidates.values()) / seconds,
        "given_away": counts.dropped["gives title or answer away"] / sum(counts.candidates.values()),
    }
    encoder = os.environ.get("STEPSEARCH_ENCODER", "-")
    if Path(encoder).is_dir() and not quick:
        figures |= _transfer(corpus, params, encoder, questions, [[k.text for k in own] for own in kept])
    return figures, {"seconds_of_filtering": seconds}


def _transfer(
    corpus: Corpus,
    params: Params,
    encoder: str,
    questions: Sequence[Question],
    kept: Sequence[Sequence[str]],
) -> dict[str, float]:
    """The share of keys, and of sub-questions, that find their support by the encoder."""
    settings = replace(params.retrieval, method="dense", encoder=encoder, encoder_dtype="bfloat16")
    work = ROOT / f"perf_{sha256_json([corpus.hash, encoder, 'synthesis'])[:16]}"
    work.mkdir(parents=True, exist_ok=True)
    build_index(corpus, settings, work / "index", work)
    dense = open_retriever(settings, work / "index", corpus)
    hops = [hop for question in questions for hop in question.hops]
    supports = [frozenset(hop.support_ids) for hop in hops]
    sub_questions = [(hop.sub_question, own) for hop, own in zip(hops, supports, strict=True)]
    keys = [(key, own) for texts, own in zip(kept, supports, strict=True) for key in texts]
    with_keys = [pair for pair, texts in zip(sub_questions, kept, strict=True) if texts]
    return {
        "key_transfer": _found(dense, keys),
        "sub_question_transfer": _found(dense, sub_questions),
        "sub_question_transfer_of_steps_with_keys": _found(dense, with_keys),
    }


def _found(retriever: Retriever, pairs: Sequence[tuple[str, frozenset[str]]]) -> float:
    found: Mapping[str, Any] = search_all(
        retriever, (text for text, _ in pairs), DEPTH, "transfer", _everything
    )
    return sum(not own.isdisjoint(found[text].passage_ids) for text, own in pairs) / len(pairs)


def _everything(passages: Sequence[Passage]) -> list[str]:
    """An environment with room for all."""
    return [passage.id for passage in passages]


def _generated(folder: Path) -> dict[str, float]:
    copy_commit(folder, WORLD)
    for stage in STAGES:
        run_module(folder, f"tasks.{stage}")
    started = time.perf_counter()
    run_module(folder, "tasks.synthesize")
    minutes = (time.perf_counter() - started) / 60
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    return {"minutes_of_20000_rows": minutes, "peak_gigabytes": peak}
