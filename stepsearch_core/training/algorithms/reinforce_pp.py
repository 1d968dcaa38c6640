"""REINFORCE++ (Hu, arXiv 2501.03262): discounted returns, normalised over the whole batch, no critic and no
groups.

It is GAE with values of 0 and lambda = 1. The paper puts the KL into the reward of each token: that is
`train.kl_placement: reward`, which every algorithm can have.
"""

from __future__ import annotations

import numpy as np

from stepsearch_core.training.algorithms.algorithm import Algorithm, Rows, Sampled
from stepsearch_core.training.algorithms.steppo import whitened_gae


def whitened_returns(sampled: Sampled, gamma: float, gae_lambda: float) -> tuple[Rows, Rows]:
    """Whitened discounted returns as advantages, and the returns; `gae_lambda` plays no part."""
    zeros = [np.zeros(len(row)) for row in sampled.rewards]
    return whitened_gae(Sampled(sampled.question_ids, sampled.rewards, zeros), gamma, 1.0)


REINFORCE_PP = Algorithm(step_rewards=False, critic=False, credit=whitened_returns)
