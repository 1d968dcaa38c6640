"""What training sampled early and late: trajectories of its first and its last kept step, side by side.

Training draws other questions in every step, so a pair is of two questions with as many hops; it shows how
the policy searches, and not whether it got better, which the evaluated questions say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepsearch_core.report.trajectories import KeptTrajectory
from stepsearch_core.rollout.records import QuestionRecord

SHOWN = 3
"""Pairs at most."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An early and a late trajectory, on questions of so many hops, with their steps."""

    hops: int
    early: QuestionRecord
    early_step: int
    late: QuestionRecord
    late_step: int


def early_and_late(kept: Sequence[KeptTrajectory], count: int = SHOWN) -> list[Pair]:
    """Pairs of the first and the last step, in the order in which they were sampled: nothing is picked.

    Each number of hops that both steps have comes once before any comes again, the most hops first.
    """
    steps = sorted({made.step for made in kept})
    if len(steps) < 2:
        return []
    first, last = ([made.record for made in kept if made.step == step] for step in (steps[0], steps[-1]))
    pairs: list[tuple[int, Pair]] = []
    for hops in {len(record.hops) for record in first}:
        alike = zip(
            *([record for record in records if len(record.hops) == hops] for records in (first, last)),
            strict=False,
        )
        pairs += [
            (turn, Pair(hops, early, steps[0], late, steps[-1])) for turn, (early, late) in enumerate(alike)
        ]
    return [pair for _, pair in sorted(pairs, key=lambda item: (item[0], -item[1].hops))][:count]
