"""REINFORCE++ (Hu, arXiv 2501.03262): discounted returns, normalised over the batch, no critic, no groups.

It is GAE with values of 0 and lambda = 1. The paper puts the KL into the reward of each token: that is
`train.kl_placement: reward`, which every algorithm can have.
"""

from __future__ import annotations

import numpy as np

from stepsearch_core.training.algorithms.algorithm import Algorithm, Rows, ScoredBatch
from stepsearch_core.training.algorithms.steppo import whitened_gae
from stepsearch_core.training.algorithms.turn_groups import Cell, compared_turns
from stepsearch_core.training.gae import whiten


def whitened_returns(batch: ScoredBatch, gamma: float, gae_lambda: float) -> tuple[Rows, Rows]:
    """Whitened discounted returns as advantages, and the returns; `gae_lambda` plays no part."""
    zeros = [np.zeros(len(row)) for row in batch.rewards]
    return whitened_gae(ScoredBatch(batch.question_ids, batch.rewards, zeros), gamma, 1.0)


def whitened_turns(batch: ScoredBatch, gamma: float, scheme: str) -> tuple[Rows, Rows]:
    """A turn's return minus the mean of its cell, of the whole batch; whitened over the batch's tokens."""

    def compare(cell: Cell) -> list[float]:
        mean = sum(made.value for made in cell) / len(cell)
        return [made.value - mean for made in cell]

    advantages, returns = compared_turns(batch, gamma, scheme, compare, by_question=False)
    return whiten(advantages), returns


REINFORCE_PP = Algorithm(critic=False, credit=whitened_returns, turn_credit=whitened_turns)
