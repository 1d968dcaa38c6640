"""What warm start and training log besides the measures of trajectories: rewards, losses, gaps, times.

One table with each statistic's key, name and meaning; `LOGGED` has every name that a row of a log may hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from stepsearch_core.metrics.measures import BRIEF, BY_KEY, VALIDATION, Measure
from stepsearch_core.metrics.timing import TIMING

TERM = "reward/terms/"
"""Begins the names of the means of `reward.terms`; their paths follow."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """A number for each step of training; `label` and `note` are its name and what it is."""

    key: str
    label: str
    note: str


STATISTICS = (
    Statistic("reward/answer", "Answer reward", "mean over trajectories, unweighted"),
    Statistic("reward/search_key", "Search-key reward", "how well queries match the golden search keys"),
    Statistic("reward/information_gain", "Information gain", "summed over a trajectory's searches"),
    Statistic("reward/redundancy", "Redundancy penalty", "summed over a trajectory's searches"),
    Statistic("reward/format", "Format rewarded", "share of trajectories whose format the reward accepts"),
    Statistic("reward/total", "Reward", "weighted, summed over a trajectory"),
    Statistic("failed", "Failed", "trajectories left out of the loss, as retriever or engine failed"),
    Statistic(
        "unjudged", "Not judged", "trajectories left out of the loss, as reward.terms could not judge"
    ),
    Statistic("resampled", "Drawn anew", "groups whose samples all earned the same"),
    Statistic("policy_loss", "Policy loss", "clipped, per token"),
    Statistic("entropy", "Entropy", "of the policy, nats per token"),
    Statistic("kl_reference", "KL to warm start", "per token"),
    Statistic("approx_kl", "KL of the update", "per token, old against new policy"),
    Statistic("clip_frac", "Clipped", "share of tokens outside the clip range"),
    Statistic("value_loss", "Value loss", "critic"),
    Statistic("explained_variance", "Explained variance", "of the returns by the critic"),
    Statistic("grad_norm", "Gradient norm", "before clipping"),
    Statistic("critic_grad_norm", "Gradient norm of the critic", "before clipping"),
    Statistic("skipped_updates", "Skipped updates", "whose gradients were not finite"),
    Statistic("skipped_critic_updates", "Skipped updates of the critic", "gradients were not finite"),
    Statistic("mismatch/mean", "Mismatch", "mean gap of sampler and trainer, nats per token"),
    Statistic("mismatch/max", "Largest mismatch", "of a token, nats"),
    Statistic("mismatch/kl", "KL of sampler to trainer", "per token"),
    Statistic("mismatch/masked", "Masked", "trajectories left out for their mismatch"),
    Statistic("mismatch/steps_beyond", "Steps beyond", "in a row with a mismatch beyond its limit"),
    Statistic("loss", "Warm-start loss", "cross-entropy per policy token"),
    Statistic("learning_rate", "Learning rate", "of a batch of the warm start"),
    Statistic(f"{TIMING}step", "Step", "seconds, with validation and the checkpoint before it"),
    Statistic(f"{TIMING}rollout", "Rollout", "seconds"),
    Statistic(f"{TIMING}retrieval_wait", "Waiting for searches", "seconds of the rollout"),
    Statistic(f"{TIMING}experience", "Experience", "seconds for scoring and credit"),
    Statistic(f"{TIMING}update", "Update", "seconds"),
    Statistic(f"{TIMING}tokens_per_second", "Speed", "tokens of trajectories per second"),
)

LOGGED: dict[str, Measure | Statistic] = {
    **BY_KEY,
    **{f"{VALIDATION}{key}": BY_KEY[key] for key in BRIEF},
    **{statistic.key: statistic for statistic in STATISTICS},
}
"""What stands behind each name in a row of a log but those that `TERM` begins; `step` is its number."""


def logged(key: str) -> Measure | Statistic:
    """What stands behind a name in a row of a log.

    Raises:
        KeyError: nothing does.
    """
    if not key.startswith(TERM):
        return LOGGED[key]
    path = key.removeprefix(TERM)
    return Statistic(key, path.rpartition(":")[2], f"{path}, unweighted, summed over a trajectory")
