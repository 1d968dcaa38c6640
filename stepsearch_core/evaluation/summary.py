"""`metrics.json`: policy -> benchmark (and `mean`) -> metric -> {value, low, high, n}, and under `gain` the
paired difference of the trained policy to the warm start; `mean` weighs benchmarks equally. Under `paired`
stand the differences of all pairs (`significance`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from stepsearch_core.evaluation.bootstrap import Interval, differences, stratified_mean_interval
from stepsearch_core.evaluation.significance import compare_pairs
from stepsearch_core.metrics.measures import EVALUATED
from stepsearch_core.params import GAIN, MEAN, PAIRED, EvaluateParams
from stepsearch_core.rollout.records import QuestionRecord

Records = Mapping[str, Sequence[QuestionRecord]]
"""Benchmark -> records of one policy."""

Scores = list[Sequence[float | None]]


def summarize(
    records: Mapping[str, Records], params: EvaluateParams, seed: int, measures: Collection[str] = EVALUATED
) -> dict[str, Any]:
    """Metrics of every policy, the gain if both `trained` and `warmstart` are there, the pairs if any."""

    def table(scores: Callable[[str, str], Sequence[float | None]]) -> dict[str, Any]:
        """Rows for each benchmark and their mean; `scores(benchmark, key)` gives those of a measure."""
        by_key = {key: {name: scores(name, key) for name in params.benchmarks} for key in measures}
        rows = {
            name: {key: _interval([groups[name]]) for key, groups in by_key.items()}
            for name in params.benchmarks
        }
        return {**rows, MEAN: {key: _interval(list(groups.values())) for key, groups in by_key.items()}}

    def _interval(groups: Scores) -> dict[str, Any]:
        return asdict(_bootstrap(groups, params, seed))

    result = {policy: table(partial(_scores, records[policy])) for policy in records}
    if {"trained", "warmstart"} <= records.keys():
        result[GAIN] = table(partial(_gains, records["trained"], records["warmstart"]))
    if len(records) > 1:
        result[PAIRED] = compare_pairs(records, params, seed)
    return result


def _bootstrap(groups: Scores, params: EvaluateParams, seed: int) -> Interval:
    return stratified_mean_interval(groups, params.bootstrap_samples, params.confidence, seed)


def _scores(records: Records, name: str, key: str) -> list[float | None]:
    return [record.measures[key] for record in records[name]]


def _gains(trained: Records, warmstart: Records, name: str, key: str) -> list[float | None]:
    after, before = (
        {record.id: record.measures[key] for record in records[name]} for records in (trained, warmstart)
    )
    return differences(after, before)
