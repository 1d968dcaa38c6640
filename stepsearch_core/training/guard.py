"""The guard against collapse: training stops once a metric was beyond its limit several steps in a row.

Collapse is the complaint most often heard about training search agents: entropy falls to nothing, the policy
stops searching, answers grow without end. The paper watches for none of it; the limits are parameters
(`watch.guard`), and without them nothing is stopped. A row without the metric (the validation before the
first step, or a value that is not finite) neither adds to a count nor ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.params import GuardParams


class CollapseError(ExplainedError):
    """A metric was beyond its limit for `watch.guard.patience` steps in a row."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A parameter of `watch.guard`, the metric it limits, and what helps against the collapse it shows."""

    parameter: str
    metric: str
    remedy: str

    def broken(self, value: float, limit: float) -> bool:
        """True beyond the limit; a value right at it is fine."""
        return value < limit if self.parameter.startswith("min_") else value > limit


WATCHES = (
    Watch("min_entropy", "entropy", "lower train.learning_rate, or raise train.entropy_coefficient"),
    Watch("max_kl", "kl_reference", "lower train.learning_rate, or raise train.kl_coefficient"),
    Watch(
        "max_response_length", "response_length", "lower train.learning_rate, or raise train.kl_coefficient"
    ),
    Watch("min_searches", "searches", "lower reward.redundancy_weight or train.learning_rate"),
    Watch("min_format_valid", "format_valid", "lower train.learning_rate, or raise train.kl_coefficient"),
    Watch("max_grad_norm", "grad_norm", "lower train.learning_rate, or raise train.critic_warmup_steps"),
)


class Guard:
    """Counts, for each limit that is set, the steps in a row beyond it."""

    def __init__(self, params: GuardParams, folder: RunFolder) -> None:
        """Watch a run with these limits, whose checkpoints are in `folder`."""
        self._patience, self._folder = params.patience, folder
        limits = {watch: getattr(params, watch.parameter) for watch in WATCHES}
        self._limits: dict[Watch, float] = {
            watch: limit for watch, limit in limits.items() if limit is not None
        }
        self._beyond: dict[Watch, list[tuple[int, float]]] = {}

    @property
    def since(self) -> list[int]:
        """The first step beyond each limit that is being broken; checkpoints before these are kept."""
        return [steps[0][0] for steps in self._beyond.values()]

    def check(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Take in the rows of the next steps: one, or all those before a resume.

        Raises:
            CollapseError: after the last of them, a limit has been broken for long enough.
        """
        for row in rows:
            self._count(row)
        for watch, steps in self._beyond.items():
            if len(steps) >= self._patience:
                raise CollapseError(self._evidence(watch, steps))

    def _count(self, row: Mapping[str, float]) -> None:
        for watch, limit in self._limits.items():
            if watch.metric not in row:
                continue
            if watch.broken(row[watch.metric], limit):
                self._beyond.setdefault(watch, []).append((int(row["step"]), row[watch.metric]))
            else:
                self._beyond.pop(watch, None)

    def _evidence(self, watch: Watch, steps: Sequence[tuple[int, float]]) -> str:
        last = ", ".join(f"{value:.4g} (step {step})" for step, value in steps[-self._patience :])
        good = self._folder.last_before(steps[0][0])
        checkpoint = f"step {good}, {self._folder.checkpoint(good)}" if good else "none"
        name = f"watch.guard.{watch.parameter}"
        side = "below" if watch.parameter.startswith("min_") else "above"
        return (
            f"the policy collapses: {watch.metric} {side} {name} = {self._limits[watch]:g} for {len(steps)}"
            f" steps in a row: {last}; last checkpoint before them: {checkpoint}; {watch.remedy}; or move"
            f" {name} (null: no limit) to go on from the last checkpoint"
        )
