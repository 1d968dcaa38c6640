"""Tables of the index stage's report: what each retrieval method finds of the gold passages."""

from __future__ import annotations

from typing import Any

from stepsearch_core.report.results import DASH, interval, name_of, number
from stepsearch_core.report.tables import Table, report_tables

QUERIES = (
    ("sub_question_recall", "sub_questions", "A sub-question finds its support"),
    ("question_all_supports", "questions", "The whole question finds all its supports"),
)


def retrieval_tables(report: dict[str, Any], used: str) -> list[Table]:
    """Shares found by query, benchmark, method and depth, then the gold passages in the corpus."""
    found = [_shares(report["methods"], used, *query) for query in QUERIES]
    rest = {key: value for key, value in report.items() if key not in ("methods", "gold")}
    return [*found, *report_tables({"Gold passages": report["gold"]}), *report_tables(rest)]


def _shares(methods: dict[str, Any], used: str, key: str, count: str, title: str) -> Table:
    benchmarks = dict.fromkeys(name for sets in methods.values() for name in sets)
    depths = list(
        dict.fromkeys(depth for sets in methods.values() for row in sets.values() for depth in row[key])
    )
    rows = tuple(
        (name_of(name), _method(method, used), f"{sets[name][count]:,}", *_cells(sets[name][key], depths))
        for name in benchmarks
        for method, sets in methods.items()
        if name in sets and sets[name][count]
    )
    return Table(
        title, ("Benchmark", "Method", "Queries", *(f"in the first {depth}" for depth in depths)), rows
    )


def _method(method: str, used: str) -> str:
    return f"{name_of(method)} (used)" if method == used else name_of(method)


def _cells(shares: dict[str, dict[str, float]], depths: list[str]) -> list[str]:
    return [
        f"{number(shares[depth]['value'], 3)} ({interval(shares[depth], 3)})" if depth in shares else DASH
        for depth in depths
    ]
