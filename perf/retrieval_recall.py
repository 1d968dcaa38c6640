"""What BM25, a sentence encoder and their fusion find: resolved sub-questions of published MuSiQue.

On the 551 development questions and the 36,836 passages of the folder in STEPSEARCH_REAL_DATA, with the
settings of the profile `musique_local`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from perf.measure import PROFILES
from perf.real_data import CORPUS, DEV
from stepsearch_core.base.hashes import sha256_json
from stepsearch_core.base.types import Question
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.readers import read_benchmark
from stepsearch_core.data.corpus import Corpus, build_corpus, read_corpus_file
from stepsearch_core.profiles import load_profile
from stepsearch_core.retrieval.coverage import measure
from stepsearch_core.retrieval.index import build_index, open_ranker
from stepsearch_core.runtime.work_folder import ROOT

DEPTHS = (3, 10)


def real_corpus(real: Path, folder: Path) -> Corpus:
    """The published passages as a corpus in `folder`."""
    build_corpus(read_corpus_file(real / CORPUS), folder)
    return Corpus.open(folder)


def recall(
    corpus: Corpus, real: Path, folder: Path, encoder: str | None, encoder_dtype: str = "float32"
) -> dict[tuple[str, int], float]:
    """The share of sub-questions that find their support, by method and depth.

    Args:
        corpus: of `real_corpus`.
        real: of `real_data.real_data`.
        folder: gets the indexes.
        encoder: the folder of a sentence encoder; None: BM25 alone. What it encodes stays in `checkpoints/`.
        encoder_dtype: what it computes in.
    """
    methods = ("bm25", "dense", "hybrid") if encoder else ("bm25",)
    params = load_profile(PROFILES / "musique_local.yaml").retrieval
    params = replace(params, method=methods[-1], encoder=encoder or "hashing", index_factory="Flat")
    params.encoder_dtype = encoder_dtype
    work = ROOT / f"perf_{sha256_json([corpus.hash, params.encoder, encoder_dtype])[:16]}"
    if encoder:
        work.mkdir(parents=True, exist_ok=True)
    build_index(corpus, params, folder, work if encoder else None)
    rankers = {method: open_ranker(replace(params, method=method), folder, corpus) for method in methods}
    rows = measure(rankers, corpus, {"musique": _questions(real)}, GoldMatches(), DEPTHS)["methods"]
    return {
        (method, depth): rows[method]["musique"]["sub_question_recall"][str(depth)]["value"]
        for method in methods
        for depth in DEPTHS
    }


def _questions(real: Path) -> Sequence[Question]:
    return [example.question for example in read_benchmark("musique", real / DEV, "test")]
