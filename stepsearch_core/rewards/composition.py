"""Weighs a trajectory's rewards and places each on its token (paper, eqs. 6-7 and section 2.3).

The step reward w_gain G^t - w_red P^t sits on the last policy token of its search turn, the global reward
w_answer r_answer + w_key r_key on the last policy token of the trajectory. Rewards are *added* in a new
array: a trajectory that ends in a search has both on one token, where the released code overwrites the
first. The paper has both step weights and the answer weight at 1 and gives no value for gamma_key, here
`search_key_weight`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stepsearch_core.base.types import Author, RewardBreakdown, Trajectory
from stepsearch_core.params import RewardParams


def token_rewards(trajectory: Trajectory, breakdown: RewardBreakdown, params: RewardParams) -> np.ndarray:
    """Reward of each token, float64 [len(trajectory.token_ids)], zero wherever no reward sits.

    Raises:
        ValueError: a reward would sit on a token that the policy did not write.
    """
    last = _last_policy_tokens(trajectory)
    if not last:
        raise ValueError(
            f"question {trajectory.question_id}: the policy wrote no token that could carry the reward"
        )
    rewards = np.zeros(len(trajectory.token_ids))
    for reward in breakdown.step_rewards:
        if reward.turn not in last:
            raise ValueError(
                f"question {trajectory.question_id}: no policy token in turn {reward.turn} for its reward"
            )
        gain = params.information_gain_weight * reward.information_gain
        rewards[last[reward.turn]] += gain - params.redundancy_weight * reward.redundancy
    overall = params.answer_weight * breakdown.answer + params.search_key_weight * breakdown.search_key
    rewards[max(last.values())] += overall
    return rewards


def outcome_only(params: RewardParams) -> RewardParams:
    """The weights of the outcome-only baseline: the answer reward alone."""
    return replace(params, search_key_weight=0.0, information_gain_weight=0.0, redundancy_weight=0.0)


def _last_policy_tokens(trajectory: Trajectory) -> dict[int, int]:
    """Turn -> position in `token_ids` of the last token the policy wrote in it."""
    last = {}
    end = 0
    for segment in trajectory.segments:
        end += len(segment.token_ids)
        if segment.author is Author.POLICY and segment.token_ids:
            last[segment.turn] = end - 1
    return last
