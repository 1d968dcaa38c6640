"""Do two policies differ? All pairs of an evaluation's policies, paired by question, with Holm's correction.

If it makes no difference which of two policies answers a question, the difference of their scores could as
well have the other sign: the test flips signs at random and asks how often the mean over benchmarks comes
out as far from 0 as it did. The benchmarks' equal weights stand in the differences, so that one test does
for one benchmark and for their mean. Questions that only one of the two was asked (ceilings need gold steps)
are left out.

Who compares all pairs finds some difference by chance. Holm's step-down procedure keeps the chance of even
one such finding at the level of a single test, whatever the tests have to do with each other. It runs over
all pairs of one measure in one column, a benchmark or the mean. Intervals are those of a single difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.evaluation.bootstrap import BATCH_VALUES, defined, stratified_mean_interval
from stepsearch_core.metrics.measures import COMPARED, MINUS
from stepsearch_core.params import MEAN, EvaluateParams
from stepsearch_core.rollout.records import QuestionRecord

Records = Mapping[str, Sequence[QuestionRecord]]
"""Benchmark -> records of one policy."""

FLIPS = 9_999
"""Of all signs; the smallest p-value is 2 in 10,000, below .05 still for the pairs of 22 policies."""


def compare_pairs(records: Mapping[str, Records], params: EvaluateParams, seed: int) -> dict[str, Any]:
    """Every policy against every one named before it, by the measures `COMPARED`.

    Returns:
        `AFTER - BEFORE` -> benchmark (and `mean`) -> measure -> {value, low, high, n, p, p_holm}: the mean
        difference, its interval and questions, and the p-value alone and corrected; None without a question.
    """
    pairs = {
        f"{after}{MINUS}{before}": _cells(records[after], records[before], params, seed)
        for before, after in combinations(records, 2)
    }
    for column in (*params.benchmarks, MEAN):
        for key in COMPARED:
            cells = [columns[column][key] for columns in pairs.values()]
            for cell, corrected in zip(cells, holm([cell["p"] for cell in cells]), strict=True):
                cell["p_holm"] = corrected
    return pairs


def sign_flip_p(groups: Sequence[Sequence[float | None]], seed: int) -> float | None:
    """Two-sided p-value of the mean of the groups' means being 0; None without a difference to look at.

    Args:
        groups: a benchmark's differences each, one a question; None (not defined for it) is left out.
        seed: the same seed gives the same p-value.
    """
    data = defined(groups)
    if not data:
        return None
    weighted = np.concatenate([values / (len(data) * len(values)) for values in data])
    weighted = weighted[weighted != 0]  # 0 is 0 with either sign
    if not len(weighted):
        return 1.0
    random = stream(seed, Name.SIGNS)

    def flipped(size: tuple[int, ...]) -> np.ndarray:
        return weighted * (2 * random.integers(0, 2, size, dtype=np.int8) - 1)

    tested = stats.monte_carlo_test(
        weighted,
        flipped,
        np.sum,
        vectorized=True,
        n_resamples=FLIPS,
        batch=max(1, BATCH_VALUES // len(weighted)),
    )
    return float(tested.pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Each p-value corrected for all of them (Holm 1979); None is no test, and stays.

    The smallest of `m` counts `m` times, the next `m - 1` times, and none less than those before it.
    """
    tests = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected, largest = list(p_values), 0.0
    for number, (p, place) in enumerate(tests):
        largest = max(largest, min(1.0, (len(tests) - number) * p))
        corrected[place] = largest
    return corrected


def _cells(after: Records, before: Records, params: EvaluateParams, seed: int) -> dict[str, Any]:
    by_key = {
        key: {name: _differences(after[name], before[name], key) for name in params.benchmarks}
        for key in COMPARED
    }
    columns = {name: [name] for name in params.benchmarks} | {MEAN: list(params.benchmarks)}
    return {
        column: {key: _cell([by_key[key][name] for name in names], params, seed) for key in COMPARED}
        for column, names in columns.items()
    }


def _cell(groups: list[Sequence[float | None]], params: EvaluateParams, seed: int) -> dict[str, Any]:
    interval = stratified_mean_interval(groups, params.bootstrap_samples, params.confidence, seed)
    return {**asdict(interval), "p": sign_flip_p(groups, seed)}


def _differences(
    after: Sequence[QuestionRecord], before: Sequence[QuestionRecord], key: str
) -> list[float | None]:
    earlier = {record.id: record.measures[key] for record in before}
    pairs = ((record.measures[key], earlier[record.id]) for record in after if record.id in earlier)
    return [None if now is None or then is None else now - then for now, then in pairs]
