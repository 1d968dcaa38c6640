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
from stepsearch_core.evaluation.bootstrap import stratified_mean_interval
from stepsearch_core.metrics.measures import BRIEF, BY_KEY
from stepsearch_core.rollout.records import QuestionRecord, read_records

CONFIDENCE = 0.99
"""Two-sided: with noisy answers but no change, one comparison in 200 would raise a false alarm."""

SAMPLES = 2000
WORST = 20

SIDES = {"promotion": "promotion", "previous": "re-evaluation before"}
"""What answers may be compared with."""

Records = Mapping[str, Mapping[str, QuestionRecord]]
"""benchmark -> question id -> record"""


def read_evaluation(folder: Path) -> Records:
    """The records that an evaluation of one policy wrote, a file for each benchmark.

    Raises:
        DataError: there are none, or a file is damaged.
    """
    records = {path.stem: read_records(path) for path in sorted(folder.glob("*.jsonl"))}
    if not records:
        raise DataError("no records of an evaluation here", folder)
    return records


def compare(before: Records, after: Records) -> dict[str, Any]:
    """Paired differences `after - before` of the measures `BRIEF` with intervals, verdict, worst questions.

    Returns:
        `{"difference": {key: {value, low, high, n}}, "degraded": bool, "unpaired": int, "worst": [...]}`.
        `degraded` says that the interval of F1 lies below zero. Without a question in common every `n` is 0.
    """
    shared = {name: _same_questions(before[name], after[name]) for name in before.keys() & after.keys()}
    paired = sum(map(len, shared.values()))
    pairs = [[(before[name][i], after[name][i]) for i in ids] for name, ids in sorted(shared.items())]
    difference = {
        key: asdict(
            stratified_mean_interval(
                [[_difference(*pair, key) for pair in benchmark] for benchmark in pairs],
                SAMPLES,
                CONFIDENCE,
                seed=0,
            )
        )
        for key in BRIEF
    }
    high = difference["f1"]["high"]
    return {
        "difference": difference,
        "degraded": high is not None and high < 0,
        "unpaired": sum(len(rows) for side in (before, after) for rows in side.values()) - 2 * paired,
        "worst": _worst(before, after, shared),
    }


def verdict(comparison: Mapping[str, Any]) -> str:
    """One sentence for people about what `reevaluation.reevaluate` found."""
    against = next(
        (name for name, result in comparison["against"].items() if result["degraded"]), "promotion"
    )
    cell = comparison["against"][against]["difference"]["f1"]
    f1 = BY_KEY["f1"]
    value, low, high = (f"{cell[end]:+.{f1.digits}f}" for end in ("value", "low", "high"))
    changed = ", ".join(comparison["changed"]) or "nothing"
    state = "WORSE" if comparison["degraded"] else "not significantly worse"
    return (
        f"{state}: {f1.label} {value} [{low}, {high}] against the {SIDES[against]},"
        f" paired over {cell['n']} questions; changed since the promotion: {changed}"
    )


def without_questions(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """The comparison without its worst questions, which stay in the run's folder."""
    brief = {
        name: {key: value for key, value in result.items() if key != "worst"}
        for name, result in comparison["against"].items()
    }
    return {**comparison, "against": brief}


def _same_questions(before: Mapping[str, QuestionRecord], after: Mapping[str, QuestionRecord]) -> list[str]:
    """Ids under which both sides were asked the same: another generated world uses the same ids anew."""
    return sorted(key for key in before.keys() & after.keys() if _asked(before[key]) == _asked(after[key]))


def _asked(record: QuestionRecord) -> tuple[str, tuple[str, ...]]:
    return record.question, record.answers


def _difference(before: QuestionRecord, after: QuestionRecord, key: str) -> float | None:
    earlier, now = before.measures[key], after.measures[key]
    return None if earlier is None or now is None else now - earlier


def _worst(before: Records, after: Records, shared: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The questions that lost most F1, largest loss first."""
    pairs = [
        (name, before[name][key], after[name][key]) for name, ids in sorted(shared.items()) for key in ids
    ]
    rows: list[dict[str, Any]] = [
        {
            "benchmark": name,
            "id": now.id,
            "question": now.question,
            "answers": list(now.answers),
            "before": earlier.prediction,
            "now": now.prediction,
            "f1_before": earlier.measures["f1"],
            "f1_now": now.measures["f1"],
        }
        for name, earlier, now in pairs
    ]
    lost = [row for row in rows if row["f1_now"] < row["f1_before"]]
    return sorted(lost, key=lambda row: row["f1_now"] - row["f1_before"])[:WORST]
