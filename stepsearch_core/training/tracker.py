"""Where metrics go: the interface that training logs through. `tasks` has the adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

TIMING = "timing/"
"""Begins the names of metrics that measure time, which no run has twice."""
PHASES = ("rollout", "experience", "update")
"""Of a training step."""


def untimed(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that another run with the same seed has too: those that may stand in a stage's outputs."""
    return {name: value for name, value in metrics.items() if not name.startswith(TIMING)}


def seconds_by_phase(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """How long each phase of a training step took, over all rows of a history."""
    return {phase: sum(row.get(f"{TIMING}{phase}", 0.0) for row in history) for phase in PHASES}


class Tracker(Protocol):
    """Takes one row of metrics a step."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record the metrics of a step, under slash-separated names."""
