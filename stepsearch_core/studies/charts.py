"""Curves of all variants of a study, with bands over replicates.

Curves are drawn over the trajectories that were trained on, which equal budgets are counted in; those of
training, a value a step, are moving averages, as are the ends of their bands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepsearch_core.metrics.measures import VALIDATION
from stepsearch_core.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Point, axis
from stepsearch_core.report.curves import smoothed
from stepsearch_core.report.results import F1
from stepsearch_core.studies.tables import Analysis, compared, labels
from stepsearch_core.training.statistics import logged

TONES = 12
"""Kinds of lines that the style sheet has beside the baseline's: four colours, whole, dashed and dotted."""
MAIN = (f"{VALIDATION}{F1.key}", F1.key, "response_length", "reward/search_key")
"""The curves that the paper compares methods and ablations by; the others come after them."""
OTHERS = ("searches", "redundancy")
"""Those of them that come first."""
DIGITS = 4
"""Of a value to read off a curve, those that count."""


@dataclass(frozen=True, slots=True)
class Line:
    """A variant's curve: its mean and the band around it as SVG points; `dot` where there is one point."""

    variant: str
    tone: str
    mean: str
    band: str
    dot: Point | None


@dataclass(frozen=True, slots=True)
class BandChart:
    """The curves of all variants; `data` has [trajectories, mean, low, high, x, y] of their points, by
    variant, to read off by pointer or keys.
    """

    key: str
    title: str
    note: str
    summary: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    data: dict[str, list[list[float | None]]]


def tones(analysis: Analysis) -> dict[str, str]:
    """The style class of each variant's line: the baseline has its own, the others one of a few in turn."""
    others = [entry["name"] for entry in analysis["variants"] if entry["name"] != analysis["baseline"]]
    return {analysis["baseline"]: "of-baseline"} | {
        name: f"of-{place % TONES}" for place, name in enumerate(others)
    }


def curve_charts(analysis: Analysis, setting: str) -> tuple[list[BandChart], list[BandChart]]:
    """The charts that the methods are compared by, and the others, of what the analysis has curves of."""
    curves = analysis["curves"].get(setting, {})
    there = dict.fromkeys(key for of in curves.values() for key, points in of.items() if points)
    main = [key for key in MAIN if key in there]
    others = [key for key in dict.fromkeys((*OTHERS, *there)) if key in there and key not in MAIN]
    return (
        [band_chart(analysis, setting, key) for key in main],
        [band_chart(analysis, setting, key) for key in others],
    )


def band_chart(analysis: Analysis, setting: str, key: str) -> BandChart:
    """One key's curves of a setting, of which there is at least one. The baseline and the variant that is
    compared with it are drawn above the others.
    """
    curves = {name: _eased(found.get(key) or [], key) for name, found in analysis["curves"][setting].items()}
    curves = {name: points for name, points in curves.items() if points}
    values = [value for points in curves.values() for _, *of in points for value in of if value is not None]
    trajectories = [count for points in curves.values() for count, *_ in points]
    x = axis(min(trajectories), max(trajectories), LEFT, WIDTH - RIGHT, 4, whole=True)
    y = axis(min(values), max(values), HEIGHT - BOTTOM, TOP)
    shown, called = tones(analysis), labels(analysis["variants"])
    first, baseline = compared(analysis), analysis["baseline"]
    what, validated = logged(key), key.startswith(VALIDATION)
    ends = (f"{called[name]} {_short(points[-1][1])}" for name, points in curves.items())
    return BandChart(
        key=f"{setting}/{key}",
        title=f"{what.label}, validation questions" if validated else what.label,
        note="greedy answers, while training" if validated else what.note,
        summary="; ".join(ends),
        x=x,
        y=y,
        lines=tuple(
            _line(name, shown[name], curves[name], x, y)
            for name in sorted(curves, key=lambda name: (name == first) * 2 + (name == baseline))
        ),
        data={
            name: [
                [count, _short(mean), _short(low), _short(high), x.place(count), y.place(mean)]
                for count, mean, low, high in points
            ]
            for name, points in curves.items()
        },
    )


def _eased(
    points: Sequence[Mapping[str, Any]], key: str
) -> list[tuple[float, float, float | None, float | None]]:
    """(trajectories, mean, low, high) of each point; of training's noisy steps the moving averages."""
    known = [point for point in points if point["mean"] is not None]
    columns = [[point[name] for point in known] for name in ("mean", "low", "high")]
    if not key.startswith(VALIDATION):
        columns = [_average(column) for column in columns]
    return list(zip((point["trajectories"] for point in known), *columns, strict=True))


def _average(column: list[float | None]) -> list[float | None]:
    """The moving average, unless a value is missing (ends of a band, of one replicate)."""
    known = [value for value in column if value is not None]
    if len(known) < len(column):
        return [None] * len(column)
    return [value for _, value in smoothed(list(enumerate(known)))]


def _line(name: str, tone: str, points: Sequence[tuple[Any, ...]], x: Axis, y: Axis) -> Line:
    mean = [(x.place(count), y.place(value)) for count, value, _, _ in points]
    banded = [point for point in points if point[2] is not None and point[3] is not None]
    lower = [(x.place(count), y.place(low)) for count, _, low, _ in banded]
    upper = [(x.place(count), y.place(high)) for count, _, _, high in banded]
    return Line(name, tone, _svg(mean), _svg([*lower, *upper[::-1]]), mean[0] if len(mean) == 1 else None)


def _svg(points: Iterable[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
