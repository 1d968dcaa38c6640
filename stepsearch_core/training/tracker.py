"""Where metrics go: the interface that training logs through. `tasks` has the adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from stepsearch_core.metrics.timing import seconds

PHASES = ("rollout", "experience", "update")
"""Of a training step."""


def seconds_by_phase(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """How long each phase of a training step took, over all rows of a history."""
    return {phase: seconds(history, phase) for phase in PHASES}


class Tracker(Protocol):
    """Takes one row of metrics a step."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record the metrics of a step, under slash-separated names."""
