"""Generalised advantage estimation over policy tokens only, as if the environment's tokens were not there.

Schulman et al., arXiv 1506.02438, on the sequence of a trajectory's policy tokens: the token after the last
one of a turn is the first one of the next turn, however much the environment wrote between. (The released
code runs over retrieved tokens too, which changes the result unless gamma = lambda = 1, and whitens over
them.) In float64: this is bookkeeping on a few thousand numbers once a training step, no gradient passes
through it, and it is tested to 1e-12.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EPSILON = 1e-8
"""Added to the variance that whitening divides by."""


def generalized_advantages(
    rewards: np.ndarray, values: np.ndarray, gamma: float, gae_lambda: float
) -> tuple[np.ndarray, np.ndarray]:
    """Advantages and returns (advantage + value) of one trajectory's policy tokens.

    Args:
        rewards: [tokens].
        values: [tokens], the critic's estimate *before* each token; after the last one it is 0.
        gamma: discount per policy token.
        gae_lambda: decay of the estimator.

    Returns:
        Two float64 arrays [tokens].

    Raises:
        ValueError: rewards and values are not as many.
    """
    values = np.asarray(values, dtype=np.float64)
    tokens = list(zip(np.asarray(rewards, dtype=np.float64).tolist(), values.tolist(), strict=True))
    advantages = np.zeros(len(tokens))
    next_value = next_advantage = 0.0
    for t in reversed(range(len(tokens))):
        reward, value = tokens[t]
        delta = reward + gamma * next_value - value
        advantages[t] = next_advantage = delta + gamma * gae_lambda * next_advantage
        next_value = value
    return advantages, advantages + values


def whiten(rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """`rows` shifted and scaled to mean 0 and variance 1 over the entries of all of them.

    The variance is the unbiased one; a single entry has none and becomes 0.
    """
    entries = np.concatenate([np.asarray(row, dtype=np.float64) for row in rows])
    if entries.size < 2:
        return [np.zeros(len(row)) for row in rows]
    mean = entries.mean()
    deviation = np.sqrt(entries.var(ddof=1) + EPSILON)
    return [(np.asarray(row, dtype=np.float64) - mean) / deviation for row in rows]
