"""Which curves the page shows, read out of the training log and smoothed.

The first four are those of the paper's figures: answer F1, response length, search-key reward, number of
searches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stepsearch_core.report.charts import LineChart, Point, line_chart

SMOOTHING = 0.8
"""Weight of the past in the moving average."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A column of the log, how it is called, and the validation column marked on it, if any."""

    key: str
    title: str
    note: str
    validation: str = ""
    from_zero: bool = False


PAPER_CURVES = (
    Curve("f1", "Answer F1", "mean over the step's trajectories", "validation/f1", from_zero=True),
    Curve("response_length", "Response length", "tokens after the prompt, passages included"),
    Curve(
        "reward/search_key",
        "Search-key reward",
        "how well queries match the golden search keys",
        from_zero=True,
    ),
    Curve("search/count", "Searches", "searches per question", "validation/searches"),
)
DIAGNOSTICS = (
    Curve(
        "reward/information_gain", "Information gain", "summed over a trajectory's searches", from_zero=True
    ),
    Curve("search/redundancy", "Redundancy", "share of passages returned before", from_zero=True),
    Curve(
        "search/support_recall",
        "Support recall",
        "share of gold passages found",
        "validation/support_recall",
        True,
    ),
    Curve("search/query_words", "Query length", "words per query"),
    Curve("format_valid", "Format valid", "share of trajectories"),
    Curve("invalid_turns", "Invalid turns", "share of turns without a valid action", from_zero=True),
    Curve(
        "search/hidden_passages", "Hidden passages", "share of passages found, but not shown", from_zero=True
    ),
    Curve("search/cut_passages", "Cut passages", "share of passages found, but shown cut", from_zero=True),
    Curve("entropy", "Entropy", "of the policy, nats per token"),
    Curve("kl_reference", "KL to warm start", "per token", from_zero=True),
    Curve("approx_kl", "KL of the update", "per token, old against new policy", from_zero=True),
    Curve("value_loss", "Value loss", "critic", from_zero=True),
    Curve("explained_variance", "Explained variance", "of the returns by the critic"),
    Curve("clip_frac", "Clipped", "share of tokens outside the clip range", from_zero=True),
    Curve("grad_norm", "Gradient norm", "before clipping", from_zero=True),
)
WARMSTART_CURVES = (Curve("loss", "Warm-start loss", "cross-entropy per policy token", from_zero=True),)


def charts(log: list[dict[str, Any]], curves: tuple[Curve, ...]) -> list[LineChart]:
    """A chart for every curve whose column the log holds (an algorithm logs only what it computes)."""
    return [_chart(log, curve) for curve in curves if _points(log, curve.key)]


def smoothed(points: list[Point], weight: float = SMOOTHING) -> list[Point]:
    """Exponential moving average over steps, corrected for its start (as Adam corrects its moments)."""
    total = scale = 0.0
    result = []
    for step, value in points:
        total = weight * total + (1 - weight) * value
        scale = weight * scale + (1 - weight)
        result.append((step, total / scale))
    return result


def _chart(log: list[dict[str, Any]], curve: Curve) -> LineChart:
    raw = _points(log, curve.key)
    marks = _points(log, curve.validation) if curve.validation else []
    return line_chart(curve.key, curve.title, curve.note, raw, smoothed(raw), marks, curve.from_zero)


def _points(log: list[dict[str, Any]], key: str) -> list[Point]:
    """(step, value) of every line that holds a finite value: a mean over nothing is logged as NaN or
    null.
    """
    return [(row["step"], row[key]) for row in log if row.get(key) is not None and math.isfinite(row[key])]
