"""Values with their intervals, a line each: differences to the baseline, ratios, final scores.

They are laid out in shares of the width and not as an image, so that labels wrap on a narrow screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stepsearch_core.params import MEAN
from stepsearch_core.report.charts import Axis, Tick, axis
from stepsearch_core.report.results import F1, Cell
from stepsearch_core.studies.charts import tones
from stepsearch_core.studies.learning_speed import ratio_cell
from stepsearch_core.studies.tables import Analysis, against, cell, in_brackets, labels

Cells = Mapping[str, Mapping[str, Any]]
"""Setting -> variant -> a value with its interval, or None."""

RATIO_MOST = 3.0
"""Longer lines of ratios end at the edge."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval: places in per cent of the width, and as text. A value that is not known,
    but has a lower end, has a line to the edge and no place.
    """

    tone: str
    label: str
    at: float | None
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
    baseline = against(analysis)
    title = f"Mean {F1.label}: difference to {baseline}"
    found = _mean_f1(analysis["differences"])
    return _interval_rows(
        analysis, title, found, dict.fromkeys(found, 0.0), lambda item: cell(item, F1.digits, True)
    )


def score_rows(analysis: Analysis) -> IntervalRows:
    """The mean F1 that every variant ends with, beside the baseline's."""
    found = _mean_f1(analysis["scores"])
    baselines = {setting: of.get(analysis["baseline"]) for setting, of in found.items()}
    marks = {setting: item["value"] for setting, item in baselines.items() if item}
    title = f"Mean {F1.label} in the end"
    return _interval_rows(analysis, title, found, marks, lambda item: cell(item, F1.digits))


def ratio_rows(analysis: Analysis) -> IntervalRows:
    """The trajectories that variants need, over those that the baseline needs, which stands at 1."""
    baseline = against(analysis)
    title = f"Trajectories to the goal: ratio to {baseline}'s"
    found = {
        setting: {name: item.get("ratio") for name, item in of.items() if name != analysis["baseline"]}
        for setting, of in analysis["efficiency"].items()
    }
    return _interval_rows(analysis, title, found, dict.fromkeys(found, 1.0), ratio_cell, RATIO_MOST)


def _mean_f1(found: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        setting: {name: columns.get(MEAN, {}).get(F1.key) for name, columns in of.items()}
        for setting, of in found.items()
    }


def _interval_rows(
    analysis: Analysis,
    title: str,
    found: Cells,
    marks: Mapping[str, float | None],
    printed: Callable[[Any], Cell],
    most: float = math.inf,
) -> IntervalRows:
    there = {
        setting: {name: item for name, item in of.items() if item and _ends(item)}
        for setting, of in found.items()
    }
    ends = [end for of in there.values() for item in of.values() for end in _ends(item)]
    known = [min(end, most) for end in (*ends, *marks.values()) if end is not None] or [0.0]
    scale = axis(min(known), max(known), 0, 100)
    shown, called, settings = tones(analysis), labels(analysis["variants"]), labels(analysis["settings"])
    groups = []
    for setting, of in there.items():
        mark = marks.get(setting)
        bars = tuple(
            _bar(shown[name], called[name], item, scale, in_brackets(printed(item)))
            for name, item in of.items()
        )
        groups += [(settings[setting], None if mark is None else scale.place(mark), bars)] if bars else []
    return IntervalRows(title, scale.ticks, tuple(groups))


def _bar(tone: str, label: str, item: Mapping[str, Any], scale: Axis, text: str) -> Bar:
    ends = _ends(item)
    low, high = (min(scale.place(end), 100.0) for end in (min(ends), max(ends)))
    if item["value"] is None:
        return Bar(tone, label, None, low, 100.0, text)
    return Bar(tone, label, min(scale.place(item["value"]), 100.0), low, high, text)


def _ends(item: Mapping[str, Any]) -> list[float]:
    """What is known of value and interval."""
    return [item[end] for end in ("value", "low", "high") if item[end] is not None]
