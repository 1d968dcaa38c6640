"""Metrics into DVCLive, which `dvc plots` and `dvc exp` read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dvclive import Live


class DvcLiveTracker:
    """One DVCLive step for each row; a `Tracker` of `stepsearch_core.training`."""

    def __init__(self, folder: Path) -> None:
        self._live = Live(str(folder), save_dvc_exp=False, dvcyaml=None, monitor_system=False)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append each metric to its own file of points."""
        self._live.step = step
        for name, value in metrics.items():
            if name != "step":
                self._live.log_metric(name, value)
        self._live.make_summary()

    def close(self) -> None:
        """Write what is pending."""
        self._live.end()
