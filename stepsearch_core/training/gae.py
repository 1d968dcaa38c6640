"""Generalised advantage estimation over policy tokens only, as if the environment's tokens were not there.

Schulman et al., arXiv 1506.02438, on the sequence of policy tokens: the token after the last one of a turn
is the first one of the next turn, however much the environment wrote between. (The released code runs over
retrieved tokens too, which changes the result unless gamma = lambda = 1, and whitens over them.) In numpy
and float64: this is bookkeeping on a few thousand numbers once a step, no gradient passes through it, and it
is tested to 1e-12.
"""

from __future__ import annotations

import numpy as np


def generalized_advantages(
    rewards: np.ndarray, values: np.ndarray, mask: np.ndarray, gamma: float, gae_lambda: float
) -> tuple[np.ndarray, np.ndarray]:
    """Advantages and returns (advantage + value) of every policy token.

    Args:
        rewards: [batch, time], 0 off the mask.
        values: [batch, time], the critic's estimate *before* each token; whatever stands off the mask is not
            read.
        mask: bool [batch, time], True where the policy wrote the token.
        gamma: discount per policy token.
        gae_lambda: decay of the estimator.

    Returns:
        Two float64 arrays [batch, time], 0 off the mask. The value after the last policy token is 0.

    Raises:
        ValueError: the shapes differ, or a reward sits off the mask.
    """
    mask = np.asarray(mask, dtype=bool)
    rewards, values = np.asarray(rewards, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if not rewards.shape == values.shape == mask.shape or mask.ndim != 2:
        raise ValueError(
            f"expected one [batch, time] shape, found {rewards.shape}, {values.shape}, {mask.shape}"
        )
    if np.any(rewards[~mask] != 0):
        row, column = np.argwhere(~mask & (rewards != 0))[0]
        raise ValueError(f"row {row}, token {column}: a reward on a token that the policy did not write")

    order = np.argsort(~mask, axis=1, kind="stable")  # each row's policy tokens first, in order
    reward = np.take_along_axis(rewards, order, axis=1)
    value = np.take_along_axis(
        np.where(mask, values, 0.0), order, axis=1
    )  # zeros after a row's end: value 0 there
    advantage = np.zeros_like(value)
    following_value = following_advantage = np.zeros(len(value))
    for t in reversed(range(mask.sum(axis=1).max(initial=0))):
        delta = reward[:, t] + gamma * following_value - value[:, t]
        advantage[:, t] = delta + gamma * gae_lambda * following_advantage
        following_value, following_advantage = value[:, t], advantage[:, t]

    advantages, returns = np.zeros_like(value), np.zeros_like(value)
    np.put_along_axis(advantages, order, advantage, axis=1)
    np.put_along_axis(returns, order, advantage + value, axis=1)
    return advantages, returns


def whiten(x: np.ndarray, mask: np.ndarray, eps: float = 1e-8) -> np.ndarray:
    """`x` shifted and scaled to mean 0 and variance 1 over all masked entries of the batch; 0 off the mask.

    The variance is the unbiased one; a single entry has none and becomes 0.
    """
    mask = np.asarray(mask, dtype=bool)
    selected = np.asarray(x, dtype=np.float64)[mask]
    whitened = np.zeros(mask.shape)
    if selected.size > 1:
        whitened[mask] = (selected - selected.mean()) / np.sqrt(selected.var(ddof=1) + eps)
    return whitened
