"""Where metrics go: the interface that training logs through. `tasks` has the adapters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Tracker(Protocol):
    """Takes one row of metrics a step."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record the metrics of a step, under slash-separated names."""
