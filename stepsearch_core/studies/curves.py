"""Curves over training with bands over replicates, and the areas under those of validation F1.

A curve has the steps that all replicates of a variant have logged. Its band is the t-interval of the mean at
each step by itself, not of the curve as a whole; of two replicates, whose t-interval would be 13 standard
errors to either side, it is the two values themselves, and of one there is none. `band` says which.

The area under the curve of validation F1, by the trapezoid rule over the steps divided by their range, is
the mean F1 over training: it asks how fast and how far in one number, without a choice of a level to reach.
Variants are compared by it over replicates (`replicates`). It counts every step alike, the plateau included,
and can be compared only where validations stand at the same steps; other replicates are left out of the
difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stepsearch_core.metrics.measures import VALIDATION
from stepsearch_core.report.curves import points_of
from stepsearch_core.studies.outcomes import Outcome
from stepsearch_core.studies.replicates import correct, t_interval, t_test

VALIDATION_F1 = f"{VALIDATION}f1"

CURVES = (
    VALIDATION_F1,
    "f1",
    "response_length",
    "reward/search_key",
    "searches",
    "written_tokens",
    "redundancy",
    "support_recall",
    "kl_reference",
    "entropy",
)
"""Keys of the training log that are drawn."""


def curves(outcomes: Sequence[Outcome], confidence: float) -> dict[str, list[dict[str, Any]]]:
    """Key -> points {step, trajectories, mean, low, high, n, band}, of the keys that all of them log."""
    made = {key: _curve(outcomes, key, confidence) for key in CURVES}
    return {key: points for key, points in made.items() if points}


def areas(runs: Mapping[int, Outcome]) -> dict[int, float]:
    """Replicate -> mean F1 over training; those with fewer than two validations are left out."""
    made = {replicate: area(points_of(outcome.log, VALIDATION_F1)) for replicate, outcome in runs.items()}
    return {replicate: value for replicate, value in made.items() if value is not None}


def area(points: Sequence[tuple[float, float]]) -> float | None:
    """Area under a curve by the trapezoid rule over the range of its steps; None of fewer than two."""
    if len(points) < 2:
        return None
    steps, values = np.array(points, dtype=np.float64).T
    return float(np.trapezoid(values, steps) / (steps[-1] - steps[0]))


def area_differences(
    runs: Mapping[str, Mapping[int, Outcome]], baseline: str, confidence: float
) -> dict[str, dict[str, Any]]:
    """Variant -> {value, low, high, n, p, p_holm, detectable} of its area minus the baseline's."""
    cells = {
        name: _area_difference(of_variant, runs.get(baseline, {}), confidence)
        for name, of_variant in runs.items()
        if name != baseline
    }
    correct(list(cells.values()))
    return cells


def _area_difference(
    runs: Mapping[int, Outcome], baselines: Mapping[int, Outcome], confidence: float
) -> dict[str, Any]:
    paired = sorted(
        replicate
        for replicate in runs.keys() & baselines.keys()
        if _validated(runs[replicate]) == _validated(baselines[replicate])
    )
    after, before = areas(runs), areas(baselines)
    found = [after[key] - before[key] for key in paired if key in after]
    return {**t_interval(found, confidence), **t_test(found, confidence)}


def _validated(outcome: Outcome) -> list[float]:
    return [step for step, _ in points_of(outcome.log, VALIDATION_F1)]


def _curve(outcomes: Sequence[Outcome], key: str, confidence: float) -> list[dict[str, Any]]:
    logged = [dict(points_of(outcome.log, key)) for outcome in outcomes]
    steps = set.intersection(*map(set, logged)) if logged else set()
    return [
        {
            "step": step,
            "trajectories": step * outcomes[0].trajectories_per_step,
            **_band([values[step] for values in logged], confidence),
        }
        for step in sorted(steps)
    ]


def _band(values: Sequence[float], confidence: float) -> dict[str, Any]:
    interval = t_interval(values, confidence)
    point = {"mean": interval["value"], "low": interval["low"], "high": interval["high"], "n": interval["n"]}
    if len(values) == 2:
        return {**point, "low": min(values), "high": max(values), "band": "range"}
    return {**point, "band": "t" if len(values) > 2 else None}
