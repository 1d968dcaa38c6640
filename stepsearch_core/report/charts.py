"""Geometry of the page's charts: where ticks, lines and marks lie; the template draws them as inline SVG.

Drawn here and not by plotly: its script alone weighs 4.8 MB, while these charts take a few kilobytes, follow
the page's light and dark colours, print, and are there without JavaScript (which only adds the reading of
single points).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]

WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 30
GROUP_WIDTH = 700
GROUP_LEFT = 110
SPAN_HEIGHT = 15
GROUP_GAP = 14


@dataclass(frozen=True, slots=True)
class Tick:
    """A position in pixels and its label."""

    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from values to pixels with round ticks."""

    ticks: tuple[Tick, ...]
    place: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class LineChart:
    """Raw and smoothed lines (SVG `points`), marked points, and `data` to read off by pointer or keys; `dot`
    stands for the lines where they have one point only, of which nothing is drawn.
    """

    key: str
    title: str
    note: str
    summary: str
    x: Axis
    y: Axis
    raw: str
    smooth: str
    dot: Point | None
    marks: tuple[Point, ...]
    data: dict[str, list[list[float]]]


@dataclass(frozen=True, slots=True)
class Span:
    """One value with its interval; positions in pixels."""

    policy: str
    center: float
    low: float
    high: float
    top: float
    label: str


@dataclass(frozen=True, slots=True)
class IntervalChart:
    """Values with intervals, a group of spans under each other for every (position, label) of `groups`."""

    height: float
    x: Axis
    groups: tuple[Tick, ...]
    spans: tuple[Span, ...]


def round_ticks(low: float, high: float, count: int = 4, whole: bool = False) -> list[float]:
    """Round numbers that cover [low, high]: 1, 2, 2.5 or 5 times a power of ten apart, about `count`.

    A range too small to tell its ends apart is widened upwards; with `whole` the steps are whole numbers.
    """
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        high = low + (abs(low) or 1.0)
    rough = max((high - low) / count, 1.0 if whole else 0.0)
    power = 10.0 ** math.floor(math.log10(rough))
    steps = [factor * power for factor in (1, 2, 2.5, 5, 10) if not whole or (factor * power).is_integer()]
    step = next(step for step in steps if step >= rough * 0.999)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return [float(f"{index * step:.12g}") for index in range(first, max(last, first + 1) + 1)]


def axis(low: float, high: float, start: float, end: float, count: int = 4, whole: bool = False) -> Axis:
    """A scale whose first tick lies at pixel `start` and whose last lies at `end`."""
    values = round_ticks(low, high, count, whole)
    span = values[-1] - values[0]

    def place(value: float) -> float:
        return round(start + (value - values[0]) / span * (end - start), 1)

    return Axis(tuple(Tick(place(value), tick_label(value)) for value in values), place)


def tick_label(value: float) -> str:
    """A short label: 1500 as 1.5k, no trailing zeros, a true minus sign."""
    text = f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:.10g}"
    return text.replace("-", "−")


def line_chart(
    key: str,
    title: str,
    note: str,
    *,
    raw: Sequence[Point],
    smooth: Sequence[Point],
    marks: Sequence[Point] = (),
    from_zero: bool = False,
) -> LineChart:
    """Lay out one curve over steps; `raw`, `smooth` and `marks` are (step, value) and `raw` is not empty."""
    values = [value for _, value in (*raw, *marks)] + ([0.0] if from_zero else [])
    steps = [step for step, _ in (*raw, *marks)]
    x = axis(min(steps), max(steps), LEFT, WIDTH - RIGHT, 5, whole=True)
    y = axis(min(values), max(values), HEIGHT - BOTTOM, TOP)
    first, last = smooth[0][1], smooth[-1][1]
    return LineChart(
        key=key,
        title=title,
        note=note,
        summary=f"{first:.3g} → {last:.3g}".replace("-", "−"),
        x=x,
        y=y,
        raw=_polyline(raw, x, y),
        smooth=_polyline(smooth, x, y),
        dot=(x.place(smooth[0][0]), y.place(first)) if len(smooth) == 1 else None,
        marks=tuple((x.place(step), y.place(value)) for step, value in marks),
        data={
            "points": [
                [step, value, mean, x.place(step), y.place(mean)]
                for (step, value), (_, mean) in zip(raw, smooth, strict=True)
            ],
            "marks": [[step, value] for step, value in marks],
        },
    )


def interval_chart(
    groups: Sequence[tuple[str, Sequence[tuple[str, float, float, float, str]]]],
) -> IntervalChart:
    """Lay out groups of (policy, value, low, high, label); the axis starts at 0."""
    highest = max((high for _, members in groups for _, _, _, high, _ in members), default=0.0)
    x = axis(0.0, highest, GROUP_LEFT, GROUP_WIDTH - RIGHT, 5)
    ticks = []
    spans = []
    top = float(TOP)
    for name, members in groups:
        ticks.append(Tick(top + SPAN_HEIGHT * len(members) / 2, name))
        for policy, value, low, high, label in members:
            spans.append(
                Span(policy, x.place(value), x.place(low), x.place(high), top + SPAN_HEIGHT / 2, label)
            )
            top += SPAN_HEIGHT
        top += GROUP_GAP
    return IntervalChart(top + BOTTOM - GROUP_GAP, x, tuple(ticks), tuple(spans))


def _polyline(points: Sequence[Point], x: Axis, y: Axis) -> str:
    return " ".join(f"{x.place(step):g},{y.place(value):g}" for step, value in points)
