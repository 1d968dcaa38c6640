"""Bootstrap intervals: of a mean, of a mean over benchmarks, and of a difference paired by question.

Percentile intervals by `scipy.stats.bootstrap`, seeded. Percentile and not BCa: its bounds never leave the
range of a score, and it is defined for scores that are nearly all 0 or all 1. Questions are the unit that is
resampled; a mean over benchmarks resamples within each benchmark (stratified), so that each keeps its weight
whatever its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from stepsearch_core.base.streams import Name, stream

BATCH_VALUES = 4_000_000
"""Resampled values held in memory at once (32 MB)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its confidence interval over `n` questions; all None if nothing was to be measured."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def stratified_mean_interval(
    groups: Sequence[Sequence[float | None]], samples: int, confidence: float, seed: int
) -> Interval:
    """Mean of the groups' means, resampled within each group; groups without a value are left out.

    Args:
        groups: a benchmark's scores each, one a question; None (not defined for this question) is left out.
        samples: number of bootstrap resamples.
        confidence: two-sided level, .95 say.
        seed: the same seed gives the same interval.
    """
    data = defined(groups)
    if not data:
        return Interval(None, None, None, 0)
    n = sum(len(values) for values in data)
    value = float(_mean_of_means(*data))
    # every resample is the sample; one observation is such a case
    if all(np.ptp(values) == 0 for values in data):
        return Interval(value, value, value, n)
    low, high = stats.bootstrap(
        # scipy wants two values; the resamples are the same
        [np.repeat(values, 2) if len(values) == 1 else values for values in data],
        _mean_of_means,
        n_resamples=samples,
        batch=max(1, BATCH_VALUES // n),
        vectorized=True,
        confidence_level=confidence,
        method="percentile",
        rng=stream(seed, Name.BOOTSTRAP),
    ).confidence_interval
    return Interval(value, float(low), float(high), n)


def defined(groups: Sequence[Sequence[float | None]]) -> list[np.ndarray]:
    """The scores of each group that there are, float64 [scores]; groups without any are left out."""
    scores = (np.array([v for v in values if v is not None], dtype=np.float64) for values in groups)
    return [values for values in scores if len(values)]


def differences(after: Mapping[str, float | None], before: Mapping[str, float | None]) -> list[float | None]:
    """`after - before` for each question id, in the order of `after`; None where either has no score.

    Raises:
        ValueError: the two hold different questions.
    """
    if after.keys() != before.keys():
        unpaired = sorted(after.keys() ^ before.keys())
        raise ValueError(
            f"{len(unpaired)} questions are only on one side of the comparison, {unpaired[0]!r} first"
        )
    return [None if a is None or (b := before[key]) is None else a - b for key, a in after.items()]


def _mean_of_means(*groups: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.mean([group.mean(axis=axis) for group in groups], axis=0)
