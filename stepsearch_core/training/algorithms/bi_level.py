"""Bi-level GAE (RAGEN, arXiv 2504.20073): first over turns, then over the tokens within each turn.

Over turns, with a discount and a lambda of their own: a turn's reward is the sum of its tokens' rewards, its
value that of the state before its first token. The return that comes of it stands for all that follows at
the turn's last token, and GAE over the turn's tokens alone spreads it. So credit is bootstrapped from turn
to turn however long turns are, which a lambda a token cannot do. With both discounts and both lambdas at 1
it is plain GAE.

Turns are those of the trajectory. (RAGEN's code finds them where rewards are not 0: there a turn whose
reward happens to be 0 is none, and a final reward of 0 ends in an IndexError. It takes a turn's value at its
last token, where the action has been chosen already.)
"""

from __future__ import annotations

import numpy as np

from stepsearch_core.training.algorithms.algorithm import Rows, ScoredBatch
from stepsearch_core.training.gae import generalized_advantages, whiten


def bi_level_gae(
    batch: ScoredBatch, gamma: float, gae_lambda: float, turn_gamma: float, turn_lambda: float
) -> tuple[Rows, Rows]:
    """Whitened advantages, and returns (advantage before whitening + value)."""
    estimates = [
        _of_trajectory(rewards, values, turns, (gamma, gae_lambda), (turn_gamma, turn_lambda))
        for rewards, values, turns in zip(batch.rewards, batch.values, batch.turns, strict=True)
    ]
    return whiten([advantages for advantages, _ in estimates]), [returns for _, returns in estimates]


def _of_trajectory(
    rewards: np.ndarray,
    values: np.ndarray,
    turns: np.ndarray,
    within: tuple[float, float],
    between: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    tokens = [np.flatnonzero(turns == turn) for turn in np.unique(turns)]
    earned = np.array([rewards[own].sum() for own in tokens])
    _, turn_returns = generalized_advantages(earned, values[[own[0] for own in tokens]], *between)
    advantages, returns = np.zeros((2, len(rewards)))
    for own, turn_return in zip(tokens, turn_returns, strict=True):
        placed = rewards[own].copy()
        placed[-1] += turn_return - placed.sum()  # what follows the turn, on top of its own rewards
        advantages[own], returns[own] = generalized_advantages(placed, values[own], *within)
    return advantages, returns
