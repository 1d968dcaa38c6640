"""Metrics that measure time, which no run has twice: their names tell them from all others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TIMING = "timing/"
"""Begins the names of metrics that measure time."""


def untimed(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that another run with the same seed has too: those that may stand in a stage's outputs."""
    return {name: value for name, value in metrics.items() if not name.startswith(TIMING)}


def seconds(history: Iterable[Mapping[str, float]], what: str) -> float:
    """How long something took over all rows of a history; rows may lack it."""
    return sum(row.get(f"{TIMING}{what}", 0.0) for row in history)
