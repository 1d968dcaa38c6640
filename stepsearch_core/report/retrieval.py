"""Tables of the index stage's report: what each retrieval method finds of the gold passages."""

from __future__ import annotations

from typing import Any

from stepsearch_core.report.results import DASH, interval, name_of, number
from stepsearch_core.report.tables import Table, cell_text, readable, report_tables

QUERIES = (
    ("sub_question_recall", "sub_questions", "A sub-question finds its support"),
    ("question_all_supports", "questions", "The whole question finds all its supports"),
)

OF_SUB_QUESTIONS = ("asked", "not_found")
"""What a row of the audit says of sub-questions; all else counts passages."""


def retrieval_tables(report: dict[str, Any], used: str) -> list[Table]:
    """Shares found by query, benchmark, method and depth, then what became of the gold passages."""
    found = [_shares(report["methods"], used, *query) for query in QUERIES]
    rest = {key: value for key, value in report.items() if key not in ("methods", "gold")}
    return [*found, _gold(report["gold"], list(report["methods"]), used), *report_tables(rest)]


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


def _gold(gold: dict[str, Any], methods: list[str], used: str) -> Table:
    """The coverage audit; "not found" means: not within the largest depth that was measured."""
    audited = [(name_of(name), hop, row) for name, by_hop in gold.items() for hop, row in by_hop.items()]
    counts = list(dict.fromkeys(key for *_, row in audited for key in row if key not in OF_SUB_QUESTIONS))
    depth = max(
        (int(depth) for *_, row in audited for lost in row["not_found"].values() for depth in lost),
        default=0,
    )
    beyond = (f"not in the first {depth} of {_method(method, used)}" for method in methods)
    rows = tuple(
        (
            name,
            hop,
            *(cell_text(row[key]) for key in counts),
            *(_lost(row, method, depth) for method in methods),
        )
        for name, hop, row in audited
    )
    return Table("Gold passages in the corpus", ("Benchmark", "Hop", *map(readable, counts), *beyond), rows)


def _lost(row: dict[str, Any], method: str, depth: int) -> str:
    """Those that their gold sub-question does not find, of those that the corpus has and one asks for."""
    return f"{row['not_found'][method][str(depth)]:,} of {row['asked']:,}" if row["asked"] else DASH


def _method(method: str, used: str) -> str:
    return f"{name_of(method)} (used)" if method == used else name_of(method)


def _cells(shares: dict[str, dict[str, float]], depths: list[str]) -> list[str]:
    return [
        f"{number(shares[depth]['value'], 3)} ({interval(shares[depth], 3)})" if depth in shares else DASH
        for depth in depths
    ]
