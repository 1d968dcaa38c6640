"""GRPO (Shao et al., arXiv 2402.03300, section 4.1.2): a trajectory against its question's others.

The advantage of every token is the trajectory's reward minus its group's mean, over its group's standard
deviation. The deviation is the unbiased one, as in TRL and verl. A group of equal rewards, or of one
trajectory (where retrieval failed for the rest), has nothing to compare and gets 0.
"""

from __future__ import annotations

import numpy as np

from stepsearch_core.training.algorithms.algorithm import (
    Algorithm,
    Rows,
    ScoredBatch,
    groups,
    on_every_token,
    outcomes,
)
from stepsearch_core.training.algorithms.turn_groups import Cell, compared_turns

EPSILON = 1e-6


def group_standardised(batch: ScoredBatch, gamma: float, gae_lambda: float) -> tuple[Rows, Rows]:
    """Advantages as above; there are no returns to learn. `gamma` and `gae_lambda` play no part."""
    rewards = outcomes(batch.rewards)
    advantages = np.zeros(len(rewards))
    for group in groups(batch.question_ids):
        if len(group) > 1:
            of_group = rewards[group]
            advantages[group] = (of_group - of_group.mean()) / (of_group.std(ddof=1) + EPSILON)
    return on_every_token(advantages, batch.rewards), on_every_token(rewards, batch.rewards)


def turns_standardised(batch: ScoredBatch, gamma: float, scheme: str) -> tuple[Rows, Rows]:
    """A turn's return minus its cell's mean, over the cell's deviation (`turn_groups`)."""

    def compare(cell: Cell) -> list[float]:
        values = np.array([made.value for made in cell])
        standardised: list[float] = ((values - values.mean()) / (values.std(ddof=1) + EPSILON)).tolist()
        return standardised

    return compared_turns(batch, gamma, scheme, compare)


GRPO = Algorithm(critic=False, credit=group_standardised, turn_credit=turns_standardised)
