"""What the means hide: F1 by the number of hops, and invalid turns by their reason."""

from __future__ import annotations

from stepsearch_core.base.means import mean
from stepsearch_core.evaluation.strata import hops_of
from stepsearch_core.metrics.measures import BY_KEY
from stepsearch_core.report.inputs import Records
from stepsearch_core.report.results import F1, name_of, number
from stepsearch_core.report.tables import Table

INVALID = BY_KEY["invalid_turns"]


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
