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
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import IndexParams, RetrievalParams
from stepsearch_core.retrieval.index import indexes_of, open_ranker
from stepsearch_core.retrieval.retriever import Ranker, Ranking

if TYPE_CHECKING:
    from stepsearch_core.retrieval.dense import DenseIndex

Query = tuple[str, frozenset[int]]
"""A query and the positions of the passages that it should find; -1 stands for one that the corpus lacks."""


def measure_index(
    params: IndexParams,
    retrieval: RetrievalParams,
    corpus: Corpus,
    folder: Path,
    questions: Mapping[str, Sequence[Question]],
) -> dict[str, Any]:
    """The report of the index in `folder`: every method, and an approximate index against exact search."""
    from stepsearch_core.retrieval.dense import DenseIndex

    rankers = {
        method: open_ranker(replace(retrieval, method=method), folder, corpus)
        for method in params.measured_methods
    }
    report = measure(rankers, corpus, questions, params.measured_depths)
    built = indexes_of([retrieval.method, *params.measured_methods])
    if "dense" in built and retrieval.index_factory != "Flat":
        dense = DenseIndex.open(folder / "dense", retrieval)
        asked = chain.from_iterable(questions.values())
        report["dense_against_exact"] = measure_approximation(dense, corpus, asked, params.measured_depths)
    return report


def measure(
    rankers: Mapping[str, Ranker],
    corpus: Corpus,
    questions: Mapping[str, Sequence[Question]],
    depths: Sequence[int],
) -> dict[str, Any]:
    """The report: gold passages in the corpus by benchmark, and shares by method, benchmark and depth."""
    known = {
        name: asked for name, asked in questions.items() if any(question.support_ids for question in asked)
    }
    jobs = tqdm([(method, name) for method in rankers for name in known], desc="measuring", unit=" sets")
    methods: dict[str, dict[str, Any]] = {method: {} for method in rankers}
    for method, name in jobs:
        methods[method][name] = _measure_set(rankers[method], corpus, known[name], depths)
    gold = {name: count_gold(corpus, asked) for name, asked in known.items()}
    return {"passages": len(corpus), "gold": gold, "methods": methods}


def count_gold(corpus: Corpus, questions: Iterable[Question]) -> dict[str, int]:
    """Distinct gold passages, and how many of them the corpus holds."""
    ids = set(chain.from_iterable(question.support_ids for question in questions))
    return {"in_corpus": sum(identifier in corpus for identifier in ids), "total": len(ids)}


def measure_approximation(
    index: DenseIndex, corpus: Corpus, questions: Iterable[Question], depths: Sequence[int]
) -> dict[str, float | None]:
    """Mean share of the exact first k (by inner product) that an index finds for the questions, by depth.

    Encodes the corpus once more. None without questions.
    """
    from stepsearch_core.retrieval.dense import exact_ranking

    queries = [question.question for question in questions]
    if not queries:
        return {str(depth): None for depth in depths}
    found = index.rank(queries, max(depths))
    wanted = exact_ranking(index.encoder, corpus, queries, max(depths))
    return {str(depth): mean(map(_overlap, found, wanted, repeat(depth))) for depth in depths}


def sub_question_queries(corpus: Corpus, questions: Iterable[Question]) -> list[Query]:
    """Every sub-question with its references resolved, and the positions of its supports."""
    return [
        (hop.sub_question, _positions(corpus, hop.support_ids))
        for question in questions
        for hop in question.hops
        if hop.sub_question and hop.support_ids
    ]


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
    lines = [
        f"sub-questions that find their support in the first {depth} | raw questions that find all of theirs"
    ]
    for method, sets in report["methods"].items():
        for name, row in sets.items():
            shares = [row[key].get(str(depth)) for key in ("sub_question_recall", "question_all_supports")]
            cells = [f"{share['value']:7.1%}" if share else "      -" for share in shares]
            lines.append(f"  {method:8} {name:16} {' | '.join(cells)}")
    return "\n".join([*lines, f"mean over benchmarks: {_best(measured(mean_recall(report, depth)), used)}"])


def _best(means: Mapping[str, float], used: str) -> str:
    if not means:
        return "not measured, as no benchmark has sub-questions with supports"
    best = max(means, key=lambda method: means[method])
    advice = "which the profile uses" if best == used else f"but retrieval.method is {used}"
    return (
        f"{', '.join(f'{method} {value:.1%}' for method, value in means.items())}; best is {best}, {advice}"
    )


def _measure_set(
    ranker: Ranker, corpus: Corpus, questions: Sequence[Question], depths: Sequence[int]
) -> dict[str, Any]:
    sub_questions = sub_question_queries(corpus, questions)
    raw = [(question.question, _positions(corpus, question.support_ids)) for question in questions]
    raw = [query for query in raw if query[1]]
    return {
        "sub_questions": len(sub_questions),
        "sub_question_recall": _shares_found(ranker, sub_questions, depths),
        "questions": len(raw),
        "question_all_supports": _shares_found(ranker, raw, depths),
    }


def _shares_found(
    ranker: Ranker, queries: Sequence[Query], depths: Sequence[int]
) -> dict[str, dict[str, float]]:
    """For each depth the share of queries all of whose positions are among the first; {} without queries."""
    if not queries:
        return {}
    rankings = ranker.rank([text for text, _ in queries], max(depths))
    return {
        str(depth): _share(
            sum(
                wanted <= {position for position, _ in ranking[:depth]}
                for (_, wanted), ranking in zip(queries, rankings, strict=True)
            ),
            len(queries),
        )
        for depth in depths
    }


def _share(successes: int, trials: int) -> dict[str, float]:
    interval = binomtest(successes, trials).proportion_ci(confidence_level=0.95, method="wilson")
    return {"value": successes / trials, "low": float(interval.low), "high": float(interval.high)}


def _overlap(found: Ranking, wanted: Ranking, depth: int) -> float:
    best = {position for position, _ in wanted[:depth]}
    return len(best & {position for position, _ in found[:depth]}) / len(best)


def _positions(corpus: Corpus, identifiers: Iterable[str]) -> frozenset[int]:
    return frozenset(corpus.position(pid) if pid in corpus else -1 for pid in identifiers)
