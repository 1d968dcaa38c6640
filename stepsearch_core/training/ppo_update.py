"""The PPO update: minibatches of trajectories, micro-batches alike in length, losses over all tokens.

All ranks hold the same experience and draw the same minibatches; each takes its share of every micro-batch,
so that ranks that wait for each other have sequences of about one length. Ratios are taken against the
log-probabilities recorded while sampling, unless truncated importance sampling is on.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from stepsearch_core.base.means import mean, measured
from stepsearch_core.base.ranks import world_size
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.learning.distributed import all_reduce_sum, own_micro_batch
from stepsearch_core.params import TrainParams
from stepsearch_core.training.experience import Experience
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.losses import kl_estimate, policy_loss, value_loss


def update(
    learner: Learner,
    experience: Experience,
    params: TrainParams,
    *,
    temperature: float,
    pad_token_id: int,
    generator: np.random.Generator,
    train_policy: bool,
) -> dict[str, float]:
    """Train on one batch of experience; returns statistics over policy tokens (gradient norms: over steps).

    Args:
        learner: actor, critic and reference.
        experience: of the whole step, with advantages and returns, the same on every rank.
        params: minibatches, epochs and coefficients.
        temperature: of sampling, under which ratios are taken.
        pad_token_id: for padding.
        generator: shuffles minibatches, in the same state on every rank.
        train_policy: False trains the critic alone (critic warm-up).
    """
    totals: dict[str, float] = defaultdict(float)
    norms: dict[str, list[float]] = defaultdict(list)
    skipped = learner.skipped
    learner.train()
    for _ in range(params.epochs):
        shuffled = generator.permutation(len(experience.trajectories))
        for minibatch in np.array_split(shuffled, min(params.minibatches, len(shuffled))):
            tokens = sum(len(experience.rewards[index]) for index in minibatch)
            members = [experience.trajectories[index] for index in minibatch]
            groups = micro_batches(members, params.micro_batch_tokens, world_size())
            for number, group in enumerate(groups, start=1):
                mine, weight = own_micro_batch(group)
                indices = [int(minibatch[position]) for position in mine]
                policy, value, statistics = _losses(
                    learner, experience, indices, params, temperature, pad_token_id
                )
                scale, last = weight / tokens, number == len(groups)
                learner.accumulate(policy.sum() * scale, value.sum() * scale, train_policy, last)
                for name, values in statistics.items():
                    totals[name] += weight * float(values.detach().sum())
            for name, norm in learner.grad_norms.items():
                norms[name].append(norm)
    totals = all_reduce_sum(totals)
    count = params.epochs * sum(map(len, experience.rewards))
    return {
        **{name: total / count for name, total in totals.items()},
        **measured(
            {name: mean(norm for norm in values if np.isfinite(norm)) for name, values in norms.items()}
        ),
        "skipped_updates": learner.skipped - skipped,
    }


def _losses(
    learner: Learner,
    experience: Experience,
    indices: list[int],
    params: TrainParams,
    temperature: float,
    pad_token_id: int,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Policy loss (with its KL and entropy terms), value loss and statistics of a micro-batch."""
    batch = token_batch([experience.trajectories[index] for index in indices], pad_token_id)
    outputs = learner.outputs(batch, temperature)

    def flat(arrays: list[np.ndarray]) -> Tensor:
        values = np.concatenate([arrays[index] for index in indices]).astype(np.float32)
        return torch.from_numpy(values).to(outputs.log_probs.device)

    clipped, statistics = policy_loss(
        outputs.log_probs, flat(experience.old_log_probs), flat(experience.advantages), params.clip_range
    )
    clipped = clipped * flat(experience.importance)
    policy = clipped - params.entropy_coefficient * outputs.entropy
    statistics |= {"policy_loss": clipped, "entropy": outputs.entropy}
    if learner.has_reference:
        kl = kl_estimate(outputs.log_probs, flat(experience.reference_log_probs), params.kl_estimator)
        statistics["kl_reference"] = kl
        if params.kl_placement == "loss":
            policy = policy + params.kl_coefficient * kl
    value = value_loss(
        outputs.values, flat(experience.old_values), flat(experience.returns), params.value_clip_range
    )
    if learner.has_critic:
        statistics["value_loss"] = value
    return policy, value, statistics
