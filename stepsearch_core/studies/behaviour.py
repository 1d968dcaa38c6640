"""How each variant searches: over all benchmarks in one table, and on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from stepsearch_core.metrics.measures import BY_KEY, Measure
from stepsearch_core.params import MEAN
from stepsearch_core.report.inputs import BASELINE
from stepsearch_core.report.results import BEHAVIOUR_MEASURES, Cell, Row, name_of
from stepsearch_core.studies.estimates import SEARCHING
from stepsearch_core.studies.results import PAIRED_BY, difference_cell
from stepsearch_core.studies.tables import (
    EVERYWHERE,
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

BEHAVIOUR = tuple(BY_KEY[key] for key in SEARCHING)
"""Those of the table over all benchmarks; by benchmark there are more."""
_difference = partial(difference_cell, power=False)


def explained() -> str:
    """What the columns of the table are, and which values are better."""
    return ". ".join(f"{measure.label}: {measure.explanation}" for measure in BEHAVIOUR)


def behaviour_table(analysis: Analysis) -> Grid:
    """How each variant searches, over all benchmarks, and how that differs: two blocks a setting."""
    heads = tuple((measure.label, "") for measure in BEHAVIOUR)
    return Grid("Search behaviour", heads, tuple(_behaviour_blocks(analysis)))


def _behaviour_blocks(analysis: Analysis) -> Iterator[tuple[Topic, tuple[Row, ...]]]:
    for setting, label in labels(analysis["settings"]).items():
        scores = analysis["scores"].get(setting, {})
        start = Row("start", name_of(BASELINE), _of_mean(analysis["start"].get(setting)))
        rows = rows_of(analysis, {name: _of_mean(found) for name, found in scores.items()})
        yield Topic(label or EVERYWHERE, "mean over benchmarks"), (start, *rows)
        differences = analysis["differences"].get(setting, {})
        if differences:
            title = f"{label or EVERYWHERE}, minus {against(analysis)}"
            cells = {name: _of_mean(found, _difference) for name, found in differences.items()}
            yield Topic(title, PAIRED_BY), rows_of(analysis, cells)


def _of_mean(columns: Found, as_cell: Callable[[Found, int], Cell] = cell) -> tuple[Cell, ...]:
    found = (columns or {}).get(MEAN, {})
    return tuple(as_cell(found.get(measure.key), measure.digits) for measure in BEHAVIOUR)


def behaviour_by_benchmark(analysis: Analysis) -> list[Grid]:
    """A table a setting, a block a measure, a column a benchmark; none where the mean is of one."""
    if len(analysis["columns"]) <= 2:
        return []
    heads = tuple((name_of(column), "") for column in analysis["columns"])
    return [
        Grid(
            of_setting("Search behaviour by benchmark", label),
            heads,
            tuple(_block(analysis, setting, measure) for measure in BEHAVIOUR_MEASURES),
        )
        for setting, label in labels(analysis["settings"]).items()
    ]


def _block(analysis: Analysis, setting: str, measure: Measure) -> tuple[Topic, tuple[Row, ...]]:
    cells = {
        name: [
            cell(columns.get(column, {}).get(measure.key), measure.digits) for column in analysis["columns"]
        ]
        for name, columns in analysis["scores"].get(setting, {}).items()
    }
    return Topic(measure.label, measure.explanation), rows_of(analysis, cells)
