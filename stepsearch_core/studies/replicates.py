"""Statistics over replicates: a t-interval, the paired t-test, and what difference could have been found.

Training varies from replicate to replicate, so the replicate is the unit of these: one number each, a mean
over questions or the area under a curve. Two variants are paired by replicate, for they share its seed and
its world, and the test is Student's for the mean of their differences. It supposes that these are roughly
normal, which 3 to 5 numbers can neither show nor refute.

`detectable` states the power: the smallest true difference that a study of this size would have found 80
times in 100, at the level of the study and without correction for several variants, if differences vary as
much as they did. It is the root of the power of the two-sided t-test, by the noncentral t distribution
(Cohen, Statistical Power Analysis, 1988; statsmodels' `TTestPower` solves the same), and as uncertain as the
standard deviation that it is made of: with 3 replicates this may well be half or twice the true one.

Where replicates do not differ at all (one variant equals the other, say) there is nothing to test by: p is 1
if all differences are 0, and None otherwise, as is what could have been found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import optimize, stats

from stepsearch_core.evaluation.significance import holm

POWER = 0.8
"""Chance to find a difference of the size that is stated."""

ROUNDING = 1e-12
"""Differences that lie closer than this are equal: they were computed from means."""


def t_interval(values: Sequence[float], confidence: float) -> dict[str, Any]:
    """Mean of the replicates' values, its t-interval (None below two of them), and their number."""
    if not len(values):
        return {"value": None, "low": None, "high": None, "n": 0}
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return {"value": mean, "low": None, "high": None, "n": 1}
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return {"value": mean, "low": mean - half, "high": mean + half, "n": n}


def t_test(differences: Sequence[float], confidence: float) -> dict[str, float | None]:
    """The paired t-test's p-value, and what difference could have been found at this level."""
    return {
        "p": paired_t_p(differences),
        "p_holm": None,
        "detectable": detectable(differences, 1 - confidence),
    }


def correct(cells: Sequence[dict[str, Any]]) -> None:
    """Fill in `p_holm` of cells that are read together: one measure of all variants that are compared."""
    for cell, corrected in zip(cells, holm([cell["p"] for cell in cells]), strict=True):
        cell["p_holm"] = corrected


def paired_t_p(differences: Sequence[float]) -> float | None:
    """Two-sided p-value of their true mean being 0; None below two or if all are equal, but not 0."""
    if len(differences) < 2:
        return None
    if _equal(differences):
        return 1.0 if abs(differences[0]) <= ROUNDING else None
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def detectable(differences: Sequence[float], level: float) -> float | None:
    """The smallest true mean difference that is found with `POWER`; None below two or if all are equal."""
    if len(differences) < 2 or _equal(differences):
        return None
    return float(np.std(differences, ddof=1)) * detectable_effect(len(differences), level)


@lru_cache
def detectable_effect(n: int, level: float) -> float:
    """The smallest effect, in standard deviations of the differences, that `n` of them show with `POWER`."""
    limit = stats.t.ppf(1 - level / 2, n - 1)

    def lacking(effect: float) -> float:
        # without the tail of the wrong sign: below 1e-5 there, and NaN in scipy for large shifts
        return float(stats.nct.sf(limit, n - 1, effect * math.sqrt(n))) - POWER

    highest = 1.0
    while lacking(highest) < 0:
        highest *= 2
    return float(optimize.brentq(lacking, 0.0, highest))


def _equal(values: Sequence[float]) -> bool:
    return float(np.ptp(values)) <= ROUNDING
