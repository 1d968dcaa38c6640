"""StePPO, the paper's algorithm: PPO with a critic, on step rewards and the global reward (section 2.3).

Advantages are GAE over policy tokens, whitened over the batch's policy tokens. With gamma = lambda = 1, the
released settings, a token's advantage is the sum of all rewards from it to the end minus its value: a
search's reward credits the searches before it as well.
"""

from __future__ import annotations

from stepsearch_core.training.algorithms.algorithm import Algorithm, Rows, ScoredBatch
from stepsearch_core.training.gae import generalized_advantages, whiten


def whitened_gae(batch: ScoredBatch, gamma: float, gae_lambda: float) -> tuple[Rows, Rows]:
    """Whitened advantages, and returns (advantage before whitening + value)."""
    pairs = zip(batch.rewards, batch.values, strict=True)
    estimates = [generalized_advantages(rewards, values, gamma, gae_lambda) for rewards, values in pairs]
    return whiten([advantages for advantages, _ in estimates]), [returns for _, returns in estimates]


STEPPO = Algorithm(critic=True, credit=whitened_gae)
