"""Which checkpoint of a run is the one to export, and when a run has gone on for long enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stepsearch_core.metrics.measures import VALIDATION
from stepsearch_core.params import TrainParams
from stepsearch_core.training.algorithms import ALGORITHMS


class Selection:
    """Reads them from the validations in a run's history, but for that before the first step."""

    def __init__(self, params: TrainParams) -> None:
        """Select by `export`, `best_metric` and `early_stopping_patience` of the section `train`."""
        self._metric = f"{VALIDATION}{params.best_metric}"
        self._keeps_best, self._patience = params.export == "best", params.early_stopping_patience
        self._begins = params.critic_warmup_steps if ALGORITHMS[params.algorithm].critic else 0

    def best(self, history: Sequence[Mapping[str, float]]) -> int | None:
        """The step that did best so far, of equals the latest; None if the last one is to be exported."""
        validated = self._validated(history)
        if not self._keeps_best or not validated:
            return None
        return max(validated, key=lambda pair: (pair[1], pair[0]))[0]

    def ended(self, history: Sequence[Mapping[str, float]]) -> bool:
        """Whether the metric has not risen for as many validations as there is patience for.

        Those of the critic's warm-up, in which the policy stays as it is, do not count.
        """
        if self._patience is None:
            return False
        values = [value for step, value in self._validated(history) if step >= self._begins]
        return len(values) > self._patience and max(values[-self._patience :]) <= max(
            values[: -self._patience]
        )

    def _validated(self, history: Sequence[Mapping[str, float]]) -> list[tuple[int, float]]:
        return [
            (int(row["step"]), row[self._metric])
            for row in history
            if self._metric in row and row["step"] > 0
        ]
