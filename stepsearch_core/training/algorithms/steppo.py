"""StePPO, the paper's algorithm: PPO with a critic, on step rewards and the global reward (paper, section
2.3).

Advantages are GAE over policy tokens, whitened over the batch's policy tokens. With gamma = lambda = 1, the
released settings, a token's advantage is the sum of all rewards from it to the end minus its value: a
search's reward credits the searches before it as well.
"""

from __future__ import annotations

from stepsearch_core.training.algorithms.algorithm import Algorithm, Rows, Sampled, padded, unpadded
from stepsearch_core.training.gae import generalized_advantages, whiten


def whitened_gae(sampled: Sampled, gamma: float, gae_lambda: float) -> tuple[Rows, Rows]:
    """Whitened advantages, and returns (advantage before whitening + value)."""
    rewards, mask = padded(sampled.rewards)
    values, _ = padded(sampled.values)
    advantages, returns = generalized_advantages(rewards, values, mask, gamma, gae_lambda)
    return unpadded(whiten(advantages, mask), mask), unpadded(returns, mask)


STEPPO = Algorithm(step_rewards=True, critic=True, credit=whitened_gae)
