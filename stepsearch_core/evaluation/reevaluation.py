"""Has the promoted policy become worse? Its answers now against earlier ones, paired by question.

The policy is the same, so a difference comes from what changed under it: benchmarks, corpus, index,
retriever, software. A drop counts as significant if the paired bootstrap interval of the mean difference
lies below zero; the weights of the benchmarks are equal, as everywhere. Questions on one side only cannot be
paired and are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_jsonl
from stepsearch_core.evaluation.bootstrap import stratified_mean_interval
from stepsearch_core.metrics.measures import BRIEF

CONFIDENCE = 0.99
"""Two-sided: with noisy answers but no change, one comparison in 200 would raise a false alarm."""

SAMPLES = 2000
WORST = 20

Records = dict[str, dict[str, dict[str, Any]]]
"""benchmark -> question id -> record"""


def read_records(folder: Path) -> Records:
    """The records that an evaluation of one policy wrote, a file for each benchmark.

    Raises:
        DataError: there are none, or a file is damaged.
    """
    records = {
        path.stem: {row["id"]: row for _, row in read_jsonl(path)} for path in sorted(folder.glob("*.jsonl"))
    }
    if not records:
        raise DataError("no records of an evaluation here", folder)
    return records


def compare(before: Records, after: Records, confidence: float = CONFIDENCE) -> dict[str, Any]:
    """Paired differences `after - before` of the measures `BRIEF` with intervals, verdict, worst questions.

    Returns:
        `{"difference": {metric: {value, low, high, n}}, "degraded": bool, "unpaired": int, "worst": [...]}`.
        `degraded` says that the interval of F1 lies below zero. Without a question in common every `n` is 0.
    """
    shared = {name: _same_questions(before[name], after[name]) for name in before.keys() & after.keys()}
    paired = sum(map(len, shared.values()))
    difference = {
        metric: asdict(
            stratified_mean_interval(
                [
                    [_difference(before[n][i], after[n][i], metric) for i in ids]
                    for n, ids in sorted(shared.items())
                ],
                SAMPLES,
                confidence,
                seed=0,
            )
        )
        for metric in BRIEF
    }
    high = difference["f1"]["high"]
    return {
        "difference": difference,
        "degraded": high is not None and high < 0,
        "unpaired": sum(len(rows) for side in (before, after) for rows in side.values()) - 2 * paired,
        "worst": _worst(before, after, shared),
    }


def _same_questions(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Ids of both sides under which both were asked the same: another generated world uses the same ids
    anew.
    """
    return sorted(
        key
        for key in before.keys() & after.keys()
        if all(before[key][field] == after[key][field] for field in ("question", "answers"))
    )


def _difference(before: Mapping[str, Any], after: Mapping[str, Any], metric: str) -> float | None:
    one, other = before[metric], after[metric]
    return None if one is None or other is None else other - one


def _worst(before: Records, after: Records, shared: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The questions that lost most F1, largest loss first."""
    rows = [
        {
            "benchmark": name,
            "id": key,
            "question": after[name][key]["question"],
            "answers": after[name][key]["answers"],
            "before": before[name][key]["prediction"],
            "now": after[name][key]["prediction"],
            "f1_before": before[name][key]["f1"],
            "f1_now": after[name][key]["f1"],
        }
        for name, ids in sorted(shared.items())
        for key in ids
        if after[name][key]["f1"] < before[name][key]["f1"]
    ]
    return sorted(rows, key=lambda row: row["f1_now"] - row["f1_before"])[:WORST]
