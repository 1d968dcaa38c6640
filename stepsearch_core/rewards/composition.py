"""Weighs a trajectory's rewards and places each on its token (paper, eqs. 6-7 and section 2.3).

The step reward w_gain G^t - w_red P^t sits on the last policy token of its search turn, the global reward
w_answer r_answer + w_key r_key on the last policy token of the trajectory. Rewards are *added* in a new
array: a trajectory that ends in a search has both on one token, where the released code overwrites the
first. The paper has both step weights and the answer weight at 1 and gives no value for gamma_key, here
`search_key_weight`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from stepsearch_core.base.types import Author, RewardBreakdown, Trajectory
from stepsearch_core.params import RewardParams


def term_weights(params: RewardParams) -> dict[str, float]:
    """The weight of each term of a reward; that of redundancy, a penalty, counts against it."""
    return {
        "answer": params.answer_weight,
        "search_key": params.search_key_weight,
        "information_gain": params.information_gain_weight,
        "redundancy": -params.redundancy_weight,
        **params.terms,
    }


def token_rewards(trajectory: Trajectory, breakdown: RewardBreakdown, params: RewardParams) -> np.ndarray:
    """Reward of each token, float64 [len(trajectory.token_ids)], zero wherever no reward sits.

    Raises:
        ValueError: a reward would sit on a token that the policy did not write.
    """
    placed, weights = term_rewards(trajectory, breakdown), term_weights(params)
    return np.sum([weights[term] * rewards for term, rewards in placed.items()], axis=0)


def term_rewards(trajectory: Trajectory, breakdown: RewardBreakdown) -> dict[str, np.ndarray]:
    """What each term of the reward, unweighted, gives each token: float64 [len(trajectory.token_ids)] each.

    Raises:
        ValueError: a reward would sit on a token that the policy did not write.
    """
    last = _last_policy_tokens(trajectory)
    if not last:
        raise ValueError(
            f"question {trajectory.question_id}: the policy wrote no token that could carry the reward"
        )
    end, length = max(last.values()), len(trajectory.token_ids)
    answer, search_key, information_gain, redundancy = np.zeros((4, length))
    answer[end], search_key[end] = breakdown.answer, breakdown.search_key
    for reward in breakdown.step_rewards:
        if reward.turn not in last:
            raise ValueError(
                f"question {trajectory.question_id}: no policy token in turn {reward.turn} for its reward"
            )
        information_gain[last[reward.turn]] += reward.information_gain
        redundancy[last[reward.turn]] += reward.redundancy
    return {
        "answer": answer,
        "search_key": search_key,
        "information_gain": information_gain,
        "redundancy": redundancy,
        **{name: _on_turns(values, last, length) for name, values in breakdown.terms.items()},
    }


def _on_turns(values: Sequence[float], last: Mapping[int, int], length: int) -> np.ndarray:
    """Values of turns on their last tokens; a turn without a token of the policy's has none."""
    rewards = np.zeros(length)
    for turn, value in enumerate(values):
        if turn in last:
            rewards[last[turn]] += value
    return rewards


def outcome_only(params: RewardParams) -> RewardParams:
    """The weights of the outcome-only baseline: the answer reward alone, and rewards of one's own."""
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
