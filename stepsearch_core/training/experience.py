"""From sampled trajectories to what an update needs: rewards on tokens, advantages, returns, other log-probabilities.

Trajectories whose retrieval failed are left out here, so they reach neither the loss nor any statistic of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stepsearch_core.metrics.answers import exact_match, word_f1
from stepsearch_core.metrics.search import redundancy, search_count, support_recall
from stepsearch_core.params import RewardParams, TrainParams
from stepsearch_core.rewards.composition import token_rewards
from stepsearch_core.training.gae import generalized_advantages, whiten
from stepsearch_core.types import Question, RewardBreakdown, StopReason, Trajectory


@dataclass(slots=True)
class Experience:
    """Trajectories with, for each, arrays over its policy tokens in order."""

    trajectories: list[Trajectory]
    breakdowns: list[RewardBreakdown]
    old_log_probs: list[np.ndarray]
    rewards: list[np.ndarray]
    old_values: list[np.ndarray]
    reference_log_probs: list[np.ndarray]
    advantages: list[np.ndarray]
    returns: list[np.ndarray]


def usable(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    """The trajectories that may be learnt from."""
    return [trajectory for trajectory in trajectories if trajectory.stop_reason is not StopReason.RETRIEVAL_FAILED]


def policy_rewards(trajectory: Trajectory, breakdown: RewardBreakdown, params: RewardParams) -> np.ndarray:
    """Weighted rewards [policy tokens] of a trajectory."""
    return token_rewards(trajectory, breakdown, params)[np.array(trajectory.policy_mask)]


def add_advantages(experience: Experience, params: TrainParams) -> None:
    """Fill in advantages (whitened over the batch) and returns, from rewards and old values."""
    lengths = [len(rewards) for rewards in experience.rewards]
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    rewards, values = np.zeros(mask.shape), np.zeros(mask.shape)
    rewards[mask] = np.concatenate(experience.rewards)
    values[mask] = np.concatenate(experience.old_values)
    advantages, returns = generalized_advantages(rewards, values, mask, params.gamma, params.gae_lambda)
    advantages = whiten(advantages, mask)
    experience.advantages = [row[: len(r)] for row, r in zip(advantages, experience.rewards, strict=True)]
    experience.returns = [row[: len(r)] for row, r in zip(returns, experience.rewards, strict=True)]


def describe(
    trajectories: Sequence[Trajectory], breakdowns: Sequence[RewardBreakdown], questions: Mapping[str, Question]
) -> dict[str, float]:
    """Means over trajectories under the field's names: answers, rewards, searches, lengths."""
    rows = []
    for trajectory, breakdown in zip(trajectories, breakdowns, strict=True):
        question = questions[trajectory.question_id]
        rows.append(
            {
                "em": exact_match(trajectory.answer, question.answers),
                "f1": word_f1(trajectory.answer, question.answers),
                "reward/answer": breakdown.answer,
                "reward/search_key": breakdown.search_key,
                "reward/information_gain": sum(step.information_gain for step in breakdown.steps),
                "reward/redundancy": sum(step.redundancy for step in breakdown.steps),
                "search/count": search_count(trajectory),
                "search/redundancy": redundancy(trajectory),
                "search/support_recall": support_recall(trajectory, question),
                "search/query_words": _query_words(trajectory),
                "response_length": trajectory.response_length,
                "format_valid": breakdown.format_ok,
                "answered": trajectory.answer is not None,
            }
        )
    return {name: _mean([row[name] for row in rows]) for name in rows[0]}


def _query_words(trajectory: Trajectory) -> float | None:
    """Words a query, None without searches."""
    lengths = [len(turn.action.text.split()) for turn in trajectory.searches]
    return sum(lengths) / len(lengths) if lengths else None


def _mean(values: Sequence[float | None]) -> float:
    """Mean of the values that are defined; 0 without any."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else 0.0
