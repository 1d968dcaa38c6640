"""What the means hide: F1 by the number of hops, support recall by hop, ends and invalid turns by reason.

Intervals of the first three stand in `data/evaluate/strata.json`.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepsearch_core.base.means import mean
from stepsearch_core.base.types import StopReason
from stepsearch_core.evaluation.strata import hops_of, supports_by_hop
from stepsearch_core.metrics.measures import BY_KEY
from stepsearch_core.report.inputs import Records
from stepsearch_core.report.results import DASH, F1, name_of, number
from stepsearch_core.report.tables import Table
from stepsearch_core.rollout.records import QuestionRecord

INVALID = BY_KEY["invalid_turns"]
RECALL = BY_KEY["support_recall"]


def f1_by_hops(records: Records) -> Table | None:
    """A row per number of hops, a column per policy; None when no question has a decomposition."""
    groups: dict[int, dict[str, list[float | None]]] = {}
    for policy, benchmarks in records.items():
        for record in (record for found in benchmarks.values() for record in found.values()):
            if hops := hops_of(record):
                groups.setdefault(hops, {}).setdefault(policy, []).append(record.measures[F1.key])
    if not groups:
        return None
    rows = tuple(
        (
            f"{hops} hops",
            f"{max(map(len, scores.values())):,}",
            *(number(mean(scores.get(policy, ())), F1.digits) for policy in records),
        )
        for hops, scores in sorted(groups.items())
    )
    return Table(f"{F1.label} by number of hops", ("", "Questions", *map(name_of, records)), rows)


def recall_by_hop(records: Records) -> Table | None:
    """A row per hop, a column per policy: the share of its supports that a search showed; None without."""
    recalls = {
        policy: [mean(recalls) for recalls, _ in supports_by_hop(_all(benchmarks))]
        for policy, benchmarks in records.items()
    }
    most = max(map(len, recalls.values()), default=0)
    rows = tuple(
        (
            f"hop {hop + 1}",
            *(number(found[hop] if hop < len(found) else None, RECALL.digits) for found in recalls.values()),
        )
        for hop in range(most)
    )
    known = any(value is not None for found in recalls.values() for value in found)
    return Table(f"{RECALL.label} by hop", ("", *map(name_of, recalls)), rows) if known else None


def ends_by_reason(records: Records) -> Table:
    """A row per stop reason, a column per policy: share of its questions, and their F1."""
    ends = {policy: _all(benchmarks) for policy, benchmarks in records.items()}
    reasons = sorted({record.stop_reason for made in ends.values() for record in made})
    rows = tuple((_words(reason), *(_end(made, reason) for made in ends.values())) for reason in reasons)
    return Table(f"Ends by reason: share of questions, and {F1.label}", ("", *map(name_of, ends)), rows)


def _all(benchmarks: Mapping[str, Mapping[str, QuestionRecord]]) -> list[QuestionRecord]:
    return [record for found in benchmarks.values() for record in found.values()]


def _words(reason: StopReason) -> str:
    return reason.replace("_", " ")


def _end(made: list[QuestionRecord], reason: StopReason) -> str:
    scores = [record.measures[F1.key] for record in made if record.stop_reason is reason]
    return f"{len(scores) / len(made):.1%}, {number(mean(scores), F1.digits)}" if scores else DASH


def invalid_by_reason(records: Records) -> Table | None:
    """A row per reason, a column per policy: shares of all its turns; None when every turn was valid."""
    turns = {
        policy: [
            turn.reason
            for found in benchmarks.values()
            for record in found.values()
            for turn in record.turns
        ]
        for policy, benchmarks in records.items()
    }
    reasons = sorted({reason for given in turns.values() for reason in given if reason})
    rows = tuple(
        (
            reason,
            *(
                number(given.count(reason) / len(given) if given else None, INVALID.digits)
                for given in turns.values()
            ),
        )
        for reason in reasons
    )
    return Table(f"{INVALID.label} by reason", ("", *map(name_of, turns)), rows) if rows else None
