"""Tables of all pairs of policies: the difference of the first to the second, its interval and p-values."""

from __future__ import annotations

from typing import Any

from stepsearch_core.metrics.measures import BY_KEY, COMPARED, MINUS, Measure
from stepsearch_core.params import MEAN, PAIRED
from stepsearch_core.report.inputs import Metrics
from stepsearch_core.report.results import DASH, Cell, Row, columns, count, interval, name_of, number

MEASURES = tuple(BY_KEY[key] for key in COMPARED)
P_DIGITS = 4
EXPLAINED = (
    "Differences with their intervals, paired by question; p by flipping signs, corrected for all pairs of a"
    " column (Holm)."
)


def pair_rows(metrics: Metrics) -> list[tuple[Measure, list[Row]]]:
    """For each measure compared a row a pair, with a cell for each benchmark and one for the mean."""
    pairs = metrics.get(PAIRED, {})
    return [(measure, [_row(metrics, pair, measure) for pair in pairs]) for measure in MEASURES if pairs]


def pairs_table(metrics: Metrics) -> str:
    """The pairs' means as aligned plain text, under 80 columns."""
    lines = []
    for measure in MEASURES if metrics.get(PAIRED) else ():
        lines.append(f"{f'Mean {measure.label}, pairs':<32}{'':>8}{'interval':>18}{'p':>8}{'corrected':>11}")
        lines += [
            _line(pair_name(pair), columns[MEAN][measure.key], measure)
            for pair, columns in metrics[PAIRED].items()
        ]
        lines.append("")
    return "\n".join(lines)


def pair_name(pair: str) -> str:
    """The printed name of a pair: `Trained − Warm start`."""
    return " − ".join(map(name_of, pair.split(MINUS)))


def _line(name: str, cell: dict[str, Any], measure: Measure) -> str:
    value, bounds = number(cell["value"], measure.digits, True), interval(cell, measure.digits, True)
    p, corrected = number(cell["p"], P_DIGITS), number(cell["p_holm"], P_DIGITS)
    return f"  {name:<30}{value:>8}{bounds:>18}{p:>8}{corrected:>11}"


def _row(metrics: Metrics, pair: str, measure: Measure) -> Row:
    found = (
        (metrics[PAIRED][pair][column][measure.key], count(metrics, column)) for column in columns(metrics)
    )
    return Row("pair", pair_name(pair), tuple(_cell(cell, n, measure) for cell, n in found))


def _cell(found: dict[str, Any], n: int, measure: Measure) -> Cell:
    """`n` is what the column's head says; a pair with a ceiling has fewer, where some have no gold steps."""
    if found["value"] is None:
        return Cell(DASH, "")
    value, bounds = number(found["value"], measure.digits, True), interval(found, measure.digits, True)
    fewer = f", n = {found['n']}" if found["n"] != n else ""
    return Cell(value, bounds, f"p = {number(found['p_holm'], P_DIGITS)}{fewer}")
