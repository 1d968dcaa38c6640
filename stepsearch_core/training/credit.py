"""Credit for a step's tokens by the algorithm of the run: of the whole reward, or of each term by itself.

With `train.normalise_terms` the algorithm is asked once for each term of the reward, unweighted, and what it
gives (advantages that are whitened, or compared within groups) is weighed and summed. So a term counts by
its weight and not by how much it happens to vary; without it, the one that varies most drives the policy.
(GDPO, arXiv 2601.05242, does so for GRPO.) The critic then has a value for each term.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from stepsearch_core.base.types import RewardBreakdown, Trajectory
from stepsearch_core.params import RewardParams, TrainParams
from stepsearch_core.rewards.composition import outcome_only
from stepsearch_core.training.algorithms import ALGORITHMS
from stepsearch_core.training.algorithms.algorithm import Algorithm, Rows, ScoredBatch
from stepsearch_core.training.algorithms.bi_level import bi_level_gae
from stepsearch_core.training.experience import policy_rewards, weights_apart

Credit = Callable[[ScoredBatch], tuple[Rows, Rows]]
"""Advantages and returns of one reward."""


def credit_of(algorithm: Algorithm, params: TrainParams) -> Credit:
    """How an algorithm gives credit under these parameters."""
    if algorithm.critic and params.bi_level_gae:
        return partial(
            bi_level_gae,
            gamma=params.gamma,
            gae_lambda=params.gae_lambda,
            turn_gamma=params.turn_gamma,
            turn_lambda=params.turn_lambda,
        )
    if params.credit != "trajectory" and (turn_credit := algorithm.turn_credit) is not None:
        return lambda batch: turn_credit(batch, params.gamma, params.credit)
    return lambda batch: algorithm.credit(batch, params.gamma, params.gae_lambda)


class Crediting:
    """How a run's trajectories are rewarded and credited."""

    def __init__(self, params: TrainParams, reward: RewardParams) -> None:
        """Settle it by the sections `train` and `reward`."""
        self.algorithm = ALGORITHMS[params.algorithm]
        self._credit = credit_of(self.algorithm, params)
        self._reward = reward if params.sees_step_rewards else outcome_only(reward)
        self._apart = params.normalise_terms
        weights = weights_apart(self._reward) if self._apart else {"all": 1.0}
        self._weights = np.array(list(weights.values()))

    @property
    def terms(self) -> int:
        """How many rewards there are apart."""
        return len(self._weights)

    def rewards(self, trajectory: Trajectory, breakdown: RewardBreakdown) -> np.ndarray:
        """Of its policy tokens [tokens, terms]."""
        return policy_rewards(trajectory, breakdown, self._reward, self._apart)

    def weighed(self, rows: np.ndarray) -> np.ndarray:
        """What terms [tokens, terms] come to [tokens]."""
        whole: np.ndarray = rows @ self._weights
        return whole

    def assign(self, batch: ScoredBatch) -> tuple[Rows, Rows]:
        """Advantages [tokens] and returns [tokens, terms] of each trajectory of a batch.

        Rewards and values of the batch are [tokens, terms].
        """
        columns = [self._credit(_of_term(batch, term)) for term in range(self.terms)]
        advantages = [
            self.weighed(np.stack(terms, axis=1)) for terms in zip(*(of for of, _ in columns), strict=True)
        ]
        returns = [np.stack(terms, axis=1) for terms in zip(*(of for _, of in columns), strict=True)]
        return advantages, returns


def _of_term(batch: ScoredBatch, term: int) -> ScoredBatch:
    rewards, values = ([row[:, term] for row in rows] for rows in (batch.rewards, batch.values))
    return ScoredBatch(batch.question_ids, rewards, values, batch.turns, batch.evidence)
