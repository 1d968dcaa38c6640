"""What an algorithm is: whether it has a critic, and how it assigns credit to tokens.

Rollout, rewards, losses and the training loop are shared by all. An algorithm is handed arrays over *policy
tokens*: what the environment wrote is not there, so none of them can whiten, discount or average over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Rows = list[np.ndarray]
"""For each trajectory one float64 array [policy tokens]."""


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """A step's trajectories as credit assignment sees them; without a critic `values` are zeros."""

    question_ids: Sequence[str]
    rewards: Rows
    values: Rows
    turns: Sequence[np.ndarray] = ()
    """For each trajectory the turn of each of its policy tokens [policy tokens]."""
    evidence: Sequence[np.ndarray] = ()
    """Shaped alike: how many gold passages had been shown before that turn."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to learn from a step's trajectories."""

    critic: bool
    """Whether values are learnt."""
    credit: Callable[[ScoredBatch, float, float], tuple[Rows, Rows]]
    """(batch, gamma, gae_lambda) -> advantages, and returns for the critic to learn."""
    turn_credit: Callable[[ScoredBatch, float, str], tuple[Rows, Rows]] | None = None
    """(batch, gamma, scheme) -> the same by turn, of a scheme of `turn_groups`; None with a critic."""


def outcomes(rewards: Rows) -> np.ndarray:
    """The total reward of each trajectory [trajectories]."""
    return np.array([row.sum() for row in rewards])


def groups(question_ids: Sequence[str]) -> list[np.ndarray]:
    """Indices of the trajectories of each question: by its id, wherever they stand in the batch."""
    ids = np.array(question_ids)
    return [np.flatnonzero(ids == question_id) for question_id in dict.fromkeys(question_ids)]


def on_every_token(advantages: np.ndarray, rewards: Rows) -> Rows:
    """A trajectory's advantage on each of its tokens."""
    return [np.full(len(row), advantage) for row, advantage in zip(rewards, advantages, strict=True)]
