"""`metrics.json`: policy -> benchmark (and `mean`) -> metric -> {value, low, high, n}, and under `gain` the
paired difference of the trained policy to the warm start. `mean` weighs benchmarks equally.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stepsearch_core.evaluation.bootstrap import Interval, differences, stratified_mean_interval
from stepsearch_core.params import EvaluateParams
from stepsearch_core.rollout.records import METRICS

Records = Mapping[str, Sequence[Mapping[str, Any]]]
"""Benchmark -> records of one policy."""

Scores = list[list[float | None]]


def summarize(records: Mapping[str, Records], params: EvaluateParams, seed: int) -> dict[str, Any]:
    """Metrics of every policy, and the gain if both `trained` and `warmstart` are there."""

    def table(of: Any) -> dict[str, Any]:
        """Rows for each benchmark and their mean; `of(benchmark, metric)` gives the scores."""
        rows = {
            name: {metric: _interval([of(name, metric)]) for metric in METRICS} for name in params.benchmarks
        }
        mean = {metric: _interval([of(name, metric) for name in params.benchmarks]) for metric in METRICS}
        return {**rows, "mean": mean}

    def _interval(groups: Scores) -> dict[str, Any]:
        return asdict(_bootstrap(groups, params, seed))

    result = {
        policy: table(lambda name, metric, p=policy: _scores(records[p][name], metric)) for policy in records
    }
    if {"trained", "warmstart"} <= records.keys():
        result["gain"] = table(
            lambda name, metric: differences(
                _by_question(records["trained"][name], metric),
                _by_question(records["warmstart"][name], metric),
            )
        )
    return result


def _bootstrap(groups: Scores, params: EvaluateParams, seed: int) -> Interval:
    return stratified_mean_interval(groups, params.bootstrap_samples, params.confidence, seed)


def _scores(rows: Sequence[Mapping[str, Any]], metric: str) -> list[float | None]:
    return [row[metric] for row in rows]


def _by_question(rows: Sequence[Mapping[str, Any]], metric: str) -> dict[str, float | None]:
    return {row["id"]: row[metric] for row in rows}
