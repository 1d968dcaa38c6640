"""Values with their intervals, a line each: differences to the baseline, and what every variant ends with.

They are laid out in shares of the width and not as an image, so that labels wrap on a narrow screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsearch_core.params import MEAN
from stepsearch_core.report.charts import Axis, Tick, axis
from stepsearch_core.report.results import F1, number
from stepsearch_core.studies.charts import tones
from stepsearch_core.studies.tables import Analysis, bounds, labels


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval: places in per cent of the width, and as text."""

    tone: str
    label: str
    at: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class IntervalRows:
    """Values with intervals over one axis; a group a setting has a label, its baseline's place, and bars."""

    title: str
    ticks: tuple[Tick, ...]
    groups: tuple[tuple[str, float | None, tuple[Bar, ...]], ...]


def difference_rows(analysis: Analysis) -> IntervalRows:
    """The differences of mean F1 to the baseline, which stands at 0."""
    found = {
        setting: {name: columns.get(MEAN, {}).get(F1.key) for name, columns in of.items()}
        for setting, of in analysis["differences"].items()
    }
    baseline = labels(analysis["variants"])[analysis["baseline"]]
    title = f"Mean {F1.label}: difference to {baseline}"
    return _interval_rows(analysis, title, found, dict.fromkeys(found, 0.0), signed=True)


def score_rows(analysis: Analysis) -> IntervalRows:
    """The mean F1 that every variant ends with, beside the baseline's."""
    found = {
        setting: {name: columns.get(MEAN, {}).get(F1.key) for name, columns in of.items()}
        for setting, of in analysis["scores"].items()
    }
    marks = {
        setting: of[analysis["baseline"]]["value"]
        for setting, of in found.items()
        if of.get(analysis["baseline"])
    }
    return _interval_rows(analysis, f"Mean {F1.label} in the end", found, marks)


def _interval_rows(
    analysis: Analysis,
    title: str,
    found: Mapping[str, Mapping[str, Any]],
    marks: Mapping[str, float | None],
    signed: bool = False,
) -> IntervalRows:
    there = {
        setting: {name: cell for name, cell in of.items() if cell and cell["value"] is not None}
        for setting, of in found.items()
    }
    scale = _scale(there, marks)
    shown, called, settings = tones(analysis), labels(analysis["variants"]), labels(analysis["settings"])
    groups = []
    for setting, of in there.items():
        bars = tuple(_bar(shown[name], called[name], cell, scale, signed) for name, cell in of.items())
        mark = marks.get(setting)
        groups += [(settings[setting], None if mark is None else scale.place(mark), bars)] if bars else []
    return IntervalRows(title, scale.ticks, tuple(groups))


def _scale(found: Mapping[str, Mapping[str, Any]], marks: Mapping[str, float | None]) -> Axis:
    """An axis, in per cent of the width, that holds all values, their intervals and the baselines."""
    cells = [cell for of in found.values() for cell in of.values()]
    ends = [*(cell[end] for cell in cells for end in ("value", "low", "high")), *marks.values()]
    known = [end for end in ends if end is not None] or [0.0]
    return axis(min(known), max(known), 0, 100)


def _bar(tone: str, label: str, cell: Mapping[str, Any], scale: Axis, signed: bool) -> Bar:
    low, high = (scale.place(cell["value"] if cell[end] is None else cell[end]) for end in ("low", "high"))
    interval = bounds(cell, F1.digits, signed)
    text = number(cell["value"], F1.digits, signed) + (f" ({interval})" if interval else "")
    return Bar(tone, label, scale.place(cell["value"]), low, high, text)
