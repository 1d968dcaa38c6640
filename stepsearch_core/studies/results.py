"""The main tables of a study: answer quality of every variant, differences to the baseline, and the paper's
figures for the same methods below them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepsearch_core.metrics.measures import BY_KEY, COMPARED, Measure
from stepsearch_core.params import MEAN
from stepsearch_core.report.inputs import BASELINE
from stepsearch_core.report.pairs import P_DIGITS
from stepsearch_core.report.published import BENCHMARKS, TABLES
from stepsearch_core.report.results import DASH, F1, Cell, Row, name_of, number
from stepsearch_core.studies.tables import (
    Analysis,
    Found,
    Grid,
    Topic,
    against,
    cell,
    labels,
    of_setting,
    rows_of,
)

MEASURES = tuple(BY_KEY[key] for key in COMPARED)
PAIRED_BY = "paired by replicate and question"
ELSEWHERE = "of the paper: Qwen2.5, Wikipedia of 2018, one run each; other models and data, not comparable"

Block = tuple[Topic, tuple[Row, ...]]


def main_tables(analysis: Analysis) -> list[Grid]:
    """A table for every setting; the first one ends with what is published of the same methods."""
    return [
        Grid(
            of_setting("Answer quality", label),
            tuple((name_of(column), "") for column in analysis["columns"]),
            (*_blocks(analysis, setting), *(published_block(analysis) if number == 0 else ())),
        )
        for number, (setting, label) in enumerate(labels(analysis["settings"]).items())
    ]


def _blocks(analysis: Analysis, setting: str) -> Iterator[Block]:
    scores = analysis["scores"].get(setting, {})
    for measure in MEASURES:
        most = max((_n(columns, measure) for columns in scores.values()), default=0)
        before = _cells(analysis, analysis["start"].get(setting), measure)
        after = {name: _cells(analysis, columns, measure, most) for name, columns in scores.items()}
        start = Row("start", name_of(BASELINE), before)
        yield Topic(measure.label, measure.explanation), (start, *rows_of(analysis, after))
        yield from _differences(analysis, setting, measure)


def _differences(analysis: Analysis, setting: str, measure: Measure) -> Iterator[Block]:
    baseline = against(analysis)
    cells = {
        name: [
            difference_cell(columns.get(column, {}).get(measure.key), measure.digits)
            for column in analysis["columns"]
        ]
        for name, columns in analysis["differences"].get(setting, {}).items()
    }
    if cells:
        topic = Topic(f"{measure.label}: difference to {baseline}", PAIRED_BY)
        yield topic, rows_of(analysis, cells)


def difference_cell(found: Found, digits: int, power: bool = True) -> Cell:
    """A difference with its interval, its corrected p-value and, if asked for, what could have been seen."""
    if found is None or found["value"] is None:
        return Cell(DASH, "")
    p, detectable = found.get("p_holm"), found.get("detectable") if power else None
    said = (
        f"p = {number(p, P_DIGITS)}" if p is not None else "",
        f"detects {number(detectable, digits)}" if detectable is not None else "",
    )
    return cell(found, digits, True, ", ".join(filter(None, said)))


def _cells(
    analysis: Analysis, columns: Mapping[str, Any] | None, measure: Measure, most: int = 0
) -> tuple[Cell, ...]:
    """A cell a column; one with fewer replicates than `most` says so."""
    found = [(columns or {}).get(column, {}).get(measure.key) for column in analysis["columns"]]
    return tuple(
        cell(item, measure.digits, note=f"n = {item['n']}" if item and item["n"] < most else "")
        for item in found
    )


def _n(columns: Mapping[str, Any], measure: Measure) -> int:
    """Of how many replicates a variant's scores are."""
    return max((found[measure.key]["n"] for found in columns.values() if measure.key in found), default=0)


def published_block(analysis: Analysis) -> Iterator[Block]:
    """What the paper prints of the methods that variants say they are, if any says so.

    The paper's table is the one that names most of them; the mean over the benchmarks is ours.
    """
    wanted = {entry["published"] for entry in analysis["variants"] if entry.get("published")}
    table = max(TABLES, key=lambda item: len(wanted & {method for _, method, _ in item.rows}))
    rows = tuple(
        Row("published", f"{method}, {size}", _published_cells(analysis, values))
        for size, method, values in table.rows
        if method in wanted
    )
    if rows:
        yield Topic(f"EM / F1, {table.title}", ELSEWHERE), rows


def _published_cells(analysis: Analysis, values: str) -> tuple[Cell, ...]:
    printed = dict(zip(BENCHMARKS, values.split(), strict=True))
    pairs = {
        column: [float(value) for value in printed[name_of(column)].split("/")]
        for column in analysis["columns"]
        if name_of(column) in printed
    }
    if len(pairs) == len(analysis["columns"]) - 1:
        pairs[MEAN] = [sum(values) / len(pairs) for values in zip(*pairs.values(), strict=True)]
    return tuple(Cell(_pair(pairs.get(column)), "") for column in analysis["columns"])


def _pair(values: list[float] | None) -> str:
    return " / ".join(number(value, F1.digits) for value in values) if values else DASH
