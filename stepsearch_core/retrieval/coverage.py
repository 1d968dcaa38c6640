"""How much of what a policy must find can be found at all: the measured report of the index stage.

For each method: the share of gold sub-questions that find their support among the first k (what a policy
reaches that asks perfectly), and the share of raw questions that find *all* their supports among the first k
(what it reaches without asking hop by hop). Shares come with Wilson's 95% interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scipy.stats import binomtest
from tqdm import tqdm

from stepsearch_core.base.means import mean, measured
from stepsearch_core.base.types import Question
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import IndexParams, RetrievalParams, indexes_of
from stepsearch_core.retrieval.gold_audit import audit, audit_lines
from stepsearch_core.retrieval.index import open_ranker
from stepsearch_core.retrieval.queries import Query, found, question_queries, rank, sub_question_queries
from stepsearch_core.retrieval.remote import searched_service
from stepsearch_core.retrieval.retriever import Ranker, Ranking
from stepsearch_core.retrieval.timed import TimedRanker

if TYPE_CHECKING:
    from stepsearch_core.retrieval.dense import DenseIndex

FOUND_OF_EXACT = 0.9
"""Share of what exact search finds, below which an approximate index is warned of."""


def measure_index(
    params: IndexParams,
    retrieval: RetrievalParams,
    corpus: Corpus,
    folder: Path,
    questions: Mapping[str, Sequence[Question]],
    gold: GoldMatches,
    *,
    work: Path | None = None,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Measure the indexes in `folder`.

    Args:
        params: Methods and depths.
        retrieval: Settings of the indexes.
        corpus: What they index.
        folder: What `build_index` filled.
        questions: By the name of their benchmark.
        gold: Which passages of the corpus are gold.
        work: Holds the encoded passages of a build, or None.

    Returns:
        The report: every method, an approximate index against exact search, and the size of the dense one;
        and the queries a second of each method, which are no part of it, as no run takes as long as another.
    """
    from stepsearch_core.retrieval.dense import DenseIndex
    from stepsearch_core.retrieval.ready_made import index_files, read_ready_made

    rankers = {
        method: TimedRanker(open_ranker(replace(retrieval, method=method), folder, corpus))
        for method in params.measured_methods
    }
    report = measure(rankers, corpus, questions, gold, params.measured_depths)
    built = indexes_of([retrieval.method, *params.measured_methods])
    if "dense" in built:
        dense = DenseIndex.open(folder / "dense", retrieval)
        size = sum(file.stat().st_size for file in index_files(folder / "dense"))
        report["dense_index"] = {"bytes": size, "bytes_a_vector": round(size / dense.index.ntotal, 1)}
        made = read_ready_made(folder / "dense")
        # what would take long to encode is not, where somebody else has
        exact = DenseIndex.open_whole(folder / "dense", retrieval) if made else None
        if exact or (made is None and retrieval.index_factory != "Flat"):
            asked = chain.from_iterable(questions.values())
            depths = params.measured_depths
            report["dense_against_exact"] = measure_approximation(
                dense, corpus, asked, depths, work, exact=exact
            )
    if "remote" in rankers:
        report |= searched_service(replace(retrieval, method="remote"))
    return report, {method: ranker.speed for method, ranker in rankers.items() if ranker.asked}


def measure(
    rankers: Mapping[str, Ranker],
    corpus: Corpus,
    questions: Mapping[str, Sequence[Question]],
    gold: GoldMatches,
    depths: Sequence[int],
) -> dict[str, Any]:
    """The report: the audit of gold passages by benchmark, and shares by method, benchmark and depth.

    `questions` name gold passages as their benchmarks do; here `gold` says which those are in the corpus.
    """
    known = {
        name: asked for name, asked in questions.items() if any(question.support_ids for question in asked)
    }
    methods: dict[str, dict[str, Any]] = {method: {} for method in rankers}
    audits: dict[str, dict[str, Any]] = {}
    with tqdm(total=len(known) * len(rankers), desc="measuring", unit=" sets") as progress:
        for name, asked in known.items():
            matched = list(map(gold, asked))
            sub_questions = sub_question_queries(corpus, matched)
            whole = question_queries(corpus, matched)
            rankings: dict[str, list[Ranking]] = {}
            for method, ranker in rankers.items():
                rankings[method] = rank(ranker, sub_questions, max(depths))
                methods[method][name] = {
                    "sub_questions": len(sub_questions),
                    "sub_question_recall": _shares_found(sub_questions, rankings[method], depths),
                    "questions": len(whole),
                    "question_all_supports": _shares_found(whole, rank(ranker, whole, max(depths)), depths),
                }
                progress.update()
            audits[name] = audit(asked, gold, sub_questions, rankings, depths)
    return {"passages": len(corpus), "gold": audits, "methods": methods}


def measure_approximation(
    index: DenseIndex,
    corpus: Corpus,
    questions: Iterable[Question],
    depths: Sequence[int],
    work: Path | None = None,
    *,
    exact: DenseIndex | None = None,
) -> dict[str, float | None]:
    """Mean share of the exact first k (by inner product) that an index finds for the questions, by depth.

    Asks `exact`; without it reads the encoded passages that lie in `work`, or encodes the corpus once more.
    None without questions.
    """
    from stepsearch_core.retrieval.dense import exact_ranking

    queries = [question.question for question in questions]
    if not queries:
        return {str(depth): None for depth in depths}
    found = index.rank(queries, max(depths))
    if exact:
        wanted = exact.rank(queries, max(depths))
    else:
        wanted = exact_ranking(index.encoder, corpus, queries, max(depths), work)
    pairs = [pair for pair in zip(found, wanted, strict=True) if pair[1]]
    return {str(depth): mean(_overlap(*pair, depth) for pair in pairs) for depth in depths}


def mean_recall(report: Mapping[str, Any], depth: int) -> dict[str, float | None]:
    """By method, the share of sub-questions found within `depth`: the mean over benchmarks with any.

    None where no benchmark has any: HotpotQA and Bamboogle alone, say.
    """
    return {
        method: mean(
            row["sub_question_recall"][str(depth)]["value"] for row in sets.values() if row["sub_questions"]
        )
        for method, sets in report["methods"].items()
    }


def verdict(report: Mapping[str, Any], depth: int, used: str) -> str:
    """A table of what each method finds within `depth`, which finds most, whether the profile uses it."""
    lost = _lost(report.get("dense_against_exact", {}).get(str(depth)), depth)
    if not any(report["methods"].values()):
        problem = "retrieval not measured, as no question has known supports"
        return "\n".join([f"{report['passages']:,} passages; {problem}", *lost])
    lines = [
        f"sub-questions that find their support in the first {depth} | raw questions that find all of theirs"
    ]
    for method, sets in report["methods"].items():
        for name, row in sets.items():
            shares = [row[key].get(str(depth)) for key in ("sub_question_recall", "question_all_supports")]
            cells = [f"{share['value']:7.1%}" if share else "      -" for share in shares]
            lines.append(f"  {method:8} {name:16} {' | '.join(cells)}")
    lines += ["gold passages in the corpus", *audit_lines(report["gold"], depth), *lost]
    return "\n".join([*lines, f"mean over benchmarks: {_best(measured(mean_recall(report, depth)), used)}"])


def _lost(found: float | None, depth: int) -> list[str]:
    """A line on an approximate index that finds too little of what exact search finds; none on another."""
    if found is None or found >= FOUND_OF_EXACT:
        return []
    problem = f"the dense index finds {found:.1%} of what exact search finds in the first {depth}"
    return [
        f"warning: {problem}: retrieval.index_search (nprobe=64, efSearch=128) has IVF or HNSW look at more"
    ]


def _best(means: Mapping[str, float], used: str) -> str:
    if not means:
        return "not measured, as no benchmark has sub-questions with supports"
    best = max(means, key=lambda method: means[method])
    advice = "which the profile uses" if best == used else f"but retrieval.method is {used}"
    return (
        f"{', '.join(f'{method} {value:.1%}' for method, value in means.items())}; best is {best}, {advice}"
    )


def _shares_found(
    queries: Sequence[Query], rankings: Sequence[Ranking], depths: Sequence[int]
) -> dict[str, dict[str, float]]:
    """For each depth the share of queries all of whose positions are among the first; {} without queries."""
    return {
        str(depth): _share(sum(map(found, queries, rankings, repeat(depth))), len(queries))
        for depth in depths
        if queries
    }


def _share(successes: int, trials: int) -> dict[str, float]:
    interval = binomtest(successes, trials).proportion_ci(confidence_level=0.95, method="wilson")
    return {"value": successes / trials, "low": float(interval.low), "high": float(interval.high)}


def _overlap(found: Ranking, wanted: Ranking, depth: int) -> float:
    best = {position for position, _ in wanted[:depth]}
    return len(best & {position for position, _ in found[:depth]}) / len(best)
