"""What the runs of a study came to: the one form in which their analysis reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stepsearch_core.rollout.records import QuestionRecord


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to.

    Runs of one setting with equal `replicate` share a training seed and a world, and are paired. `log` has
    the rows of training's metrics: step 0 (validation alone), 1, 2, ...; `records` the answers of the
    trained policy, `before` those of the warm start: benchmark -> question id -> record.
    """

    setting: str  # "" where the study has none
    variant: str
    replicate: int  # its place in the study's list
    label: str  # of the replicate, "seed 0, world 7" say
    log: list[dict[str, Any]]
    records: dict[str, dict[str, QuestionRecord]]
    before: dict[str, dict[str, QuestionRecord]]
    trajectories_per_step: int
    seconds: float | None  # of its training; not known of what DVC had in its cache
