"""RLOO (Ahmadian et al., arXiv 2402.14740, eq. 9): REINFORCE, a question's other samples as baseline.

The advantage of every token is the trajectory's reward minus the mean reward of the *other* trajectories of
its question. A trajectory that is alone (where retrieval failed for the rest) has no baseline and gets 0.
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


def leave_one_out(batch: ScoredBatch, gamma: float, gae_lambda: float) -> tuple[Rows, Rows]:
    """Advantages as above; there are no returns to learn. `gamma` and `gae_lambda` play no part."""
    rewards = outcomes(batch.rewards)
    advantages = np.zeros(len(rewards))
    for group in groups(batch.question_ids):
        if len(group) > 1:
            others = (rewards[group].sum() - rewards[group]) / (len(group) - 1)
            advantages[group] = rewards[group] - others
    return on_every_token(advantages, batch.rewards), on_every_token(rewards, batch.rewards)


def turns_left_out(batch: ScoredBatch, gamma: float, scheme: str) -> tuple[Rows, Rows]:
    """A turn's return minus the mean of those in its cell of *other* trajectories, or 0 without any."""

    def compare(cell: Cell) -> list[float]:
        others = [[other.value for other in cell if other.trajectory != made.trajectory] for made in cell]
        return [
            made.value - sum(values) / len(values) if values else 0.0
            for made, values in zip(cell, others, strict=True)
        ]

    return compared_turns(batch, gamma, scheme, compare)


RLOO = Algorithm(critic=False, credit=leave_one_out, turn_credit=turns_left_out)
