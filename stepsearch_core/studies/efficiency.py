"""Sample efficiency: what a variant needs to come to where the baseline ends, in trajectories and in tokens.

Within each replicate the goal is the baseline's final validation F1, the mean of its last three validations
(of those after step 0, if there are fewer). Curves are smoothed by the mean of each validation and its
neighbours, of every variant alike, and the goal is reached at the first crossing, interpolated linearly
between validations. By the same rule the baseline reaches its own goal, at the last validation but one or
earlier: where its curve is flat, much earlier than it ends. Nothing is reached before the first step ends,
so that ratios are defined. A curve needs three validations, the one before training included.

`ratio` is what a variant needs over what the baseline needs in the same replicate, as geometric mean, which
does not favour either side of a ratio, with a t-interval of the logarithms; `share` is what it needs over
the baseline's whole budget, and `reached` the amount itself, both as arithmetic means with a t-interval that
ends at 0. Intervals are Student's and not a bootstrap's over replicates, whose level of .95 is .75 for three
of them. They suppose values that are roughly normal.

A variant that does not reach the goal needs more than its budget, and how much more is not known. One such
replicate leaves the mean without a value and without an upper end: both are None. The lower end is then that
of a percentile bootstrap over replicates with the budget in place of what is not known; as a percentile can
only rise with its values, the true one is no lower. With few replicates it lies too high at times: read it
beside `never`, the number of such replicates.

Limits: the goal is made of the baseline's own curve, which always reaches it, while a variant's may not by
the noise of validations alone. In simulations with two equal variants, validations of a standard error of
.01 or .02 at every 2nd to 10th of 40 steps, the variant never arrived in 1 to 42 of 100 replicates, and the
ratio, its budget counted for these, was 1.00 to 1.06: the comparison favours the baseline. Where curves are
flat a crossing says little, and no amount is resolved better than validations are apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.report.charts import Point
from stepsearch_core.report.curves import points_of
from stepsearch_core.studies.curves import VALIDATION_F1
from stepsearch_core.studies.outcomes import Outcome
from stepsearch_core.studies.replicates import ROUNDING, t_interval

LAST = 3
"""Validations that a final score is the mean of."""

TOKENS = "written_tokens"


@dataclass(frozen=True, slots=True)
class Needed:
    """An amount of trajectories or tokens; of what was not reached, the budget that did not suffice."""

    amount: float
    never: bool = False

    def over(self, amount: float) -> Needed:
        """As a share of another amount."""
        return Needed(self.amount / amount, self.never)


@dataclass(frozen=True, slots=True)
class Race:
    """One replicate: when the variant and the baseline reached the baseline's final score, if they did."""

    goal: float
    variant: Outcome
    baseline: Outcome
    step: float | None  # of the variant
    baseline_step: float

    def needed(self, spent: Callable[[Outcome, float], float]) -> Needed:
        """What the variant spent until the goal."""
        end = _end(self.variant) if self.step is None else self.step
        return Needed(spent(self.variant, end), never=self.step is None)

    def ratio(self, spent: Callable[[Outcome, float], float]) -> Needed:
        """What the variant spent over what the baseline spent until the goal."""
        return self.needed(spent).over(spent(self.baseline, self.baseline_step))

    def share(self, spent: Callable[[Outcome, float], float]) -> Needed:
        """What the variant spent until the goal over what the baseline spent in all."""
        return self.needed(spent).over(spent(self.baseline, self.baseline.log[-1]["step"]))


def efficiency(
    runs: Mapping[int, Outcome], baselines: Mapping[int, Outcome], samples: int, confidence: float
) -> dict[str, Any]:
    """A variant's `reached`, `ratio` and `share` in trajectories, and the last two in `tokens`.

    Args:
        runs: the variant's, by replicate; the baseline itself may be one.
        baselines: the baseline's. Replicates that only one of the two has are left out.
        samples: resamples, for the lower end where a goal was not reached.
        confidence: two-sided level.
    """
    races = [
        race
        for replicate in sorted(runs.keys() & baselines.keys())
        if (race := _race(runs[replicate], baselines[replicate])) is not None
    ]
    counted = [race for race in races if _counts_tokens(race.variant) and _counts_tokens(race.baseline)]
    reached = [race.needed(trajectories) for race in races]
    return {
        "reached": {
            "goal": float(np.mean([race.goal for race in races])) if races else None,
            "trajectories": [None if needed.never else needed.amount for needed in reached],
            **mean(reached, samples, confidence),
        },
        "ratio": geometric_mean([race.ratio(trajectories) for race in races], samples, confidence),
        "share": mean([race.share(trajectories) for race in races], samples, confidence),
        "tokens": {
            "ratio": geometric_mean([race.ratio(policy_tokens) for race in counted], samples, confidence),
            "share": mean([race.share(policy_tokens) for race in counted], samples, confidence),
        },
    }


def final_score(points: Sequence[Point]) -> float:
    """The mean of the last three values of a curve, of fewer if it has not as many after step 0."""
    return float(np.mean([value for step, value in points if step > 0][-LAST:]))


def smoothed(points: Sequence[Point]) -> list[Point]:
    """Each value as the mean of itself and its neighbours."""
    values = [value for _, value in points]
    return [
        (step, float(np.mean(values[max(0, place - 1) : place + 2])))
        for place, (step, _) in enumerate(points)
    ]


def crossing(points: Sequence[Point], goal: float) -> float | None:
    """The step at which a curve first reaches a goal, between its points by interpolation; None if never."""
    before: Point | None = None
    for step, value in points:
        if value >= goal - ROUNDING:
            if before is None or value <= before[1]:
                return step
            return before[0] + (step - before[0]) * min(1.0, (goal - before[1]) / (value - before[1]))
        before = (step, value)
    return None


def trajectories(outcome: Outcome, step: float) -> float:
    """How many were sampled until a step."""
    return step * outcome.trajectories_per_step


def policy_tokens(outcome: Outcome, step: float) -> float:
    """How many the policy had written until a step, which may lie between two."""
    written = points_of(outcome.log, TOKENS)
    total = np.cumsum([0.0, *(value for _, value in written)]) * outcome.trajectories_per_step
    return float(np.interp(step, [0.0, *(at for at, _ in written)], total))


def mean(needed: Sequence[Needed], samples: int, confidence: float) -> dict[str, Any]:
    """Arithmetic mean with its interval: {value, low, high, n, never}."""
    made = _summary([one.amount for one in needed], needed, samples, confidence)
    return {**made, "low": None if made["low"] is None else max(0.0, made["low"])}


def geometric_mean(needed: Sequence[Needed], samples: int, confidence: float) -> dict[str, Any]:
    """Geometric mean with its interval: {value, low, high, n, never}."""
    made = _summary([float(np.log(one.amount)) for one in needed], needed, samples, confidence)
    ends = {key: None if made[key] is None else float(np.exp(made[key])) for key in ("value", "low", "high")}
    return {**made, **ends}


def _summary(
    values: Sequence[float], needed: Sequence[Needed], samples: int, confidence: float
) -> dict[str, Any]:
    never = sum(one.never for one in needed)
    if not never:
        return {**t_interval(values, confidence), "never": 0}
    if len(values) == 1:
        return {"value": None, "low": None, "high": None, "n": 1, "never": never}
    drawn = stream(0, Name.REPLICATES).integers(len(values), size=(samples, len(values)))
    low = float(np.quantile(np.array(values)[drawn].mean(axis=1), (1 - confidence) / 2))
    return {"value": None, "low": low, "high": None, "n": len(values), "never": never}


def _race(variant: Outcome, baseline: Outcome) -> Race | None:
    """None where one of the two was validated too seldom."""
    curve, reference = (points_of(outcome.log, VALIDATION_F1) for outcome in (variant, baseline))
    if min(len(curve), len(reference)) < LAST:
        return None
    goal = final_score(reference)
    at, reference_at = crossing(smoothed(curve), goal), crossing(smoothed(reference), goal)
    if reference_at is None:
        return None
    return Race(goal, variant, baseline, None if at is None else max(1.0, at), max(1.0, reference_at))


def _end(outcome: Outcome) -> float:
    """The last step that was validated: until there a goal could be reached."""
    return points_of(outcome.log, VALIDATION_F1)[-1][0]


def _counts_tokens(outcome: Outcome) -> bool:
    return bool(points_of(outcome.log, TOKENS))
