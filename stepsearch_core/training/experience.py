"""From sampled trajectories to what an update needs: rewards on tokens, and a description for the log.

Trajectories that failed (`types.FAILURES`) are left out here, so they reach neither the loss nor any
statistic of it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.means import mean, measured
from stepsearch_core.base.ranks import is_main
from stepsearch_core.base.types import FAILURES, Question, RewardBreakdown, StopReason, Trajectory
from stepsearch_core.metrics.measures import BY_KEY, Rules, measure_all
from stepsearch_core.params import RewardParams
from stepsearch_core.rewards.composition import term_rewards, term_weights, token_rewards
from stepsearch_core.rewards.terms import TermError
from stepsearch_core.training.algorithms.algorithm import Rows
from stepsearch_core.training.losses import kl_estimate
from stepsearch_core.training.statistics import TERM


class TermsError(ExplainedError):
    """Too few of a step's trajectories have a reward."""


@dataclass(slots=True)
class Experience:
    """Trajectories with, for each, arrays over its policy tokens in order.

    Rewards, values and returns are [tokens, terms]: one column for all of the reward, or one for each of its
    terms where they are normalised apart.
    """

    trajectories: list[Trajectory]
    breakdowns: list[RewardBreakdown]
    old_log_probs: Rows
    """Ratios are against these: the sampler's or, under truncated importance sampling, the trainer's."""
    importance: Rows
    """Weight of a token's policy loss (`training.mismatch`)."""
    rewards: Rows
    old_values: Rows
    reference_log_probs: Rows
    advantages: Rows
    returns: Rows
    known: Rows = field(default_factory=list)
    """What an informed critic is told (`training.knowledge`), float32 [tokens, features]."""
    states: Mapping[int, torch.Tensor] = field(default_factory=dict)
    """By the trajectory's index, hidden states [tokens, hidden] of those that this rank has scored."""


def states_of(states: Mapping[int, torch.Tensor], kept: Sequence[int]) -> dict[int, torch.Tensor]:
    """The states of some of the trajectories, numbered anew in this order."""
    return {number: states[index] for number, index in enumerate(kept) if index in states}


def without_overlong(made: Experience) -> Experience:
    """Without trajectories that met their token limit, as DAPO filters them: the limit is not their doing.

    They have counted in whitening and groups; a step of nothing else stays as it is.
    """
    kept = [i for i, t in enumerate(made.trajectories) if t.stop_reason is not StopReason.LENGTH_LIMIT]
    if not kept:
        return made
    rows = {
        name.name: [getattr(made, name.name)[index] for index in kept]
        for name in fields(made)
        if name.name != "states"
    }
    return Experience(**rows, states=states_of(made.states, kept))


def shuffled_minibatches(
    experience: Experience, epochs: int, minibatches: int, generator: np.random.Generator
) -> Iterator[list[int]]:
    """Indices of trajectories in minibatches; `epochs` times all of them, in another order each time."""
    count = len(experience.trajectories)
    for _ in range(epochs):
        for minibatch in np.array_split(generator.permutation(count), min(minibatches, count)):
            yield minibatch.tolist()


def usable(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    """The trajectories that may be learnt from."""
    return [trajectory for trajectory in trajectories if trajectory.stop_reason not in FAILURES]


def judged(
    trajectories: Sequence[Trajectory], scored: Sequence[RewardBreakdown | TermError], share: float
) -> tuple[list[Trajectory], list[RewardBreakdown]]:
    """The trajectories that all of `reward.terms` could judge, and their rewards.

    Raises:
        TermsError: these are fewer than this share.
    """
    kept = [
        (trajectory, breakdown)
        for trajectory, breakdown in zip(trajectories, scored, strict=True)
        if not isinstance(breakdown, TermError)
    ]
    failures = [failure for failure in scored if isinstance(failure, TermError)]
    if failures:
        reasons = Counter(failure.reason for failure in failures)
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        problem = (
            f"reward.terms could not judge: {counts} of {len(trajectories)} trajectories;"
            f" the first: {failures[0].problem}"
        )
        if not kept or len(kept) < share * len(trajectories):
            raise TermsError(f"{problem}; train.min_survivors is {share:g}")
        if is_main():
            logging.getLogger("train").warning("%s; they are left out of the loss", problem)
    return [trajectory for trajectory, _ in kept], [breakdown for _, breakdown in kept]


def too_few(step: int, trajectories: Sequence[Trajectory], share: float, failure: str) -> str:
    """Says how many trajectories failed, of what, and why the last search failed if one did."""
    reasons = Counter(str(t.stop_reason) for t in trajectories if t.stop_reason in FAILURES)
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    counted = f"step {step}: {counts} of {len(trajectories)} trajectories; train.min_survivors is {share:g}"
    return f"{counted}; the last search that failed: {failure}" if failure else counted


def policy_rewards(
    trajectory: Trajectory, breakdown: RewardBreakdown, params: RewardParams, apart: bool = False
) -> np.ndarray:
    """Rewards of a trajectory: [policy tokens, 1], weighted, or unweighted and `apart`, a column a term.

    Terms without a weight (`weights_apart`) have no column.
    """
    mask = np.array(trajectory.policy_mask)
    if not apart:
        return token_rewards(trajectory, breakdown, params)[mask, np.newaxis]
    placed = term_rewards(trajectory, breakdown)
    return np.stack([placed[term][mask] for term in weights_apart(params)], axis=1)


def weights_apart(params: RewardParams) -> dict[str, float]:
    """The terms that have a weight, and what it is."""
    return {term: weight for term, weight in term_weights(params).items() if weight}


def flat(rows: Sequence[np.ndarray], like: torch.Tensor) -> torch.Tensor:
    """Rows of several trajectories one after the other, float32, where another tensor lies."""
    return torch.from_numpy(np.concatenate(rows).astype(np.float32)).to(like.device)


def subtract_kl(rewards: Rows, log_probs: Rows, reference: Rows, coefficient: float, kind: str) -> Rows:
    """Rewards with the KL to the reference subtracted from that of every token (as in RLHF's PPO)."""
    estimates = (
        kl_estimate(torch.from_numpy(ours), torch.from_numpy(theirs), kind).numpy()
        for ours, theirs in zip(log_probs, reference, strict=True)
    )
    return [
        row - coefficient * estimate[:, np.newaxis] for row, estimate in zip(rewards, estimates, strict=True)
    ]


def describe(
    trajectories: Sequence[Trajectory],
    breakdowns: Sequence[RewardBreakdown],
    questions: Mapping[str, Question],
    rules: Rules,
) -> dict[str, float]:
    """Means over trajectories of all that is measured of them (`metrics.measures`) and of their rewards.

    What no trajectory has is left out: words a query without a search, recall where no question names its
    supports.
    """
    rows = []
    for trajectory, breakdown in zip(trajectories, breakdowns, strict=True):
        question = questions[trajectory.question_id]
        rows.append(
            {
                **measure_all(trajectory, question, BY_KEY, rules),
                "reward/answer": breakdown.answer,
                "reward/search_key": breakdown.search_key,
                "reward/information_gain": sum(reward.information_gain for reward in breakdown.step_rewards),
                "reward/redundancy": sum(reward.redundancy for reward in breakdown.step_rewards),
                "reward/format": breakdown.format_ok,
                **{f"{TERM}{path}": sum(values) for path, values in breakdown.terms.items()},
            }
        )
    return measured({name: mean(row[name] for row in rows) for name in rows[0]})
