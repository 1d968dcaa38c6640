"""Which curves the page shows, read out of the training log and smoothed.

The first four are those of the paper's figures: answer F1, response length, search-key reward, number of
searches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stepsearch_core.metrics.measures import VALIDATION
from stepsearch_core.report.charts import LineChart, Point, line_chart
from stepsearch_core.training.statistics import TERM, logged

SMOOTHING = 0.8
"""Weight of the past in the moving average."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A column of the log, by its key; its name stands in the tables of what is measured and logged."""

    key: str
    from_zero: bool = True

    @property
    def title(self) -> str:
        """What the column is called."""
        return logged(self.key).label

    @property
    def note(self) -> str:
        """What the column is."""
        return logged(self.key).note

    @property
    def validation(self) -> str:
        """The column of the same measure over validation questions: marks on the curve, if there are any."""
        return f"{VALIDATION}{self.key}"


PAPER_CURVES = (
    Curve("f1"),
    Curve("response_length", from_zero=False),
    Curve("reward/search_key"),
    Curve("searches", from_zero=False),
)
DIAGNOSTICS = (
    Curve("reward/information_gain"),
    Curve("redundancy"),
    Curve("support_recall"),
    Curve("query_words", from_zero=False),
    Curve("format_valid", from_zero=False),
    Curve("invalid_turns"),
    Curve("hidden_passages"),
    Curve("cut_passages"),
    Curve("entropy", from_zero=False),
    Curve("kl_reference"),
    Curve("approx_kl"),
    Curve("value_loss"),
    Curve("explained_variance", from_zero=False),
    Curve("clip_frac"),
    Curve("grad_norm"),
)
WARMSTART_CURVES = (Curve("loss"),)


def diagnostics(log: list[dict[str, Any]]) -> tuple[Curve, ...]:
    """`DIAGNOSTICS`, and one for each of `reward.terms`."""
    own = dict.fromkeys(key for row in log for key in row if key.startswith(TERM))
    return (*DIAGNOSTICS, *(Curve(key, from_zero=False) for key in own))


def charts(log: list[dict[str, Any]], curves: tuple[Curve, ...]) -> list[LineChart]:
    """A chart for every curve whose column the log holds (an algorithm logs only what it computes)."""
    return [_chart(log, curve) for curve in curves if points_of(log, curve.key)]


def smoothed(points: list[Point]) -> list[Point]:
    """Exponential moving average over steps, corrected for its start (as Adam corrects its moments)."""
    total = scale = 0.0
    result = []
    for step, value in points:
        total = SMOOTHING * total + (1 - SMOOTHING) * value
        scale = SMOOTHING * scale + (1 - SMOOTHING)
        result.append((step, total / scale))
    return result


def _chart(log: list[dict[str, Any]], curve: Curve) -> LineChart:
    raw = points_of(log, curve.key)
    marks = points_of(log, curve.validation)
    return line_chart(
        curve.key,
        curve.title,
        curve.note,
        raw=raw,
        smooth=smoothed(raw),
        marks=marks,
        from_zero=curve.from_zero,
    )


def points_of(log: list[dict[str, Any]], key: str) -> list[Point]:
    """(step, value) of every line that holds a finite value: a mean over nothing is NaN or null."""
    return [(row["step"], row[key]) for row in log if row.get(key) is not None and math.isfinite(row[key])]
