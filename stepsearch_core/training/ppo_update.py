"""The PPO update of the policy: minibatches of trajectories, micro-batches alike in length.

All ranks hold the same experience and draw the same minibatches; each takes its share of every micro-batch,
so that ranks that wait for each other have sequences of about one length. Ratios are taken against the
log-probabilities recorded while sampling, unless truncated importance sampling is on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from stepsearch_core.base.means import mean, measured
from stepsearch_core.base.ranks import world_size
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.learning.distributed import all_reduce_sum, own_micro_batch
from stepsearch_core.params import TrainParams
from stepsearch_core.training.experience import Experience, flat, shuffled_minibatches
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.losses import kl_estimate, policy_loss


def update(
    learner: Learner,
    experience: Experience,
    params: TrainParams,
    *,
    temperature: float,
    pad_token_id: int,
    generator: np.random.Generator,
    longest: int,
) -> dict[str, float]:
    """Train the policy on one batch of experience; returns statistics over policy tokens (norms: over
    steps).

    Args:
        learner: actor and reference.
        experience: of the whole step, with advantages, the same on every rank.
        params: minibatches, epochs and coefficients.
        temperature: of sampling, under which ratios are taken.
        pad_token_id: for padding.
        generator: shuffles minibatches, in the same state on every rank.
        longest: tokens that a policy can write in a trajectory, for losses of a fixed length.
    """
    totals: dict[str, float] = defaultdict(float)
    norms = []
    skipped = learner.actor.skipped
    learner.train()
    for minibatch in shuffled_minibatches(experience, params.epochs, params.minibatches, generator):
        scale = _token_weights(experience, minibatch, params.loss_aggregation, longest)
        members = [experience.trajectories[index] for index in minibatch]
        groups = micro_batches(members, params.micro_batch_tokens, world_size())
        for number, group in enumerate(groups, start=1):
            mine, weight = own_micro_batch(group)
            indices = [minibatch[position] for position in mine]
            loss, statistics = _losses(learner, experience, indices, params, temperature, pad_token_id)
            scales = flat([np.full(len(experience.advantages[i]), scale[i]) for i in indices], loss)
            learner.actor.accumulate((loss * scales).sum() * weight, last=number == len(groups))
            for name, values in statistics.items():
                totals[name] += weight * float(values.detach().sum())
        norms.append(learner.actor.grad_norm)
    totals = all_reduce_sum(totals)
    count = params.epochs * sum(map(len, experience.advantages))
    return {
        **{name: total / count for name, total in totals.items()},
        **measured({"grad_norm": mean(norm for norm in norms if np.isfinite(norm))}),
        "skipped_updates": learner.actor.skipped - skipped,
    }


def _token_weights(
    experience: Experience, minibatch: Sequence[int], aggregation: str, longest: int
) -> Mapping[int, float]:
    """What the loss of a token counts, by the trajectory that it is in (named as verl names them).

    `token-mean` (the paper's eq. 1, DAPO): every token of the minibatch alike. `seq-mean-token-mean` (GRPO's
    paper): every trajectory alike, its tokens share its weight. `seq-mean-token-sum-norm` (Dr. GRPO, arXiv
    2503.20783): as if every trajectory were `longest` tokens long, so that length plays no part.
    """
    lengths = {index: len(experience.advantages[index]) for index in minibatch}
    if aggregation == "token-mean":
        return dict.fromkeys(minibatch, 1 / sum(lengths.values()))
    if aggregation == "seq-mean-token-mean":
        return {index: 1 / len(minibatch) / length for index, length in lengths.items()}
    return dict.fromkeys(minibatch, 1 / len(minibatch) / longest)


def _losses(
    learner: Learner,
    experience: Experience,
    indices: list[int],
    params: TrainParams,
    temperature: float,
    pad_token_id: int,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each policy token of a micro-batch, with its KL and entropy terms, and statistics [tokens]."""
    batch = token_batch([experience.trajectories[index] for index in indices], pad_token_id)
    outputs = learner.outputs(batch, temperature)

    def own(rows: Sequence[np.ndarray]) -> Tensor:
        return flat([rows[index] for index in indices], outputs.log_probs)

    clipped, statistics = policy_loss(
        outputs.log_probs,
        own(experience.old_log_probs),
        own(experience.advantages),
        params.clip_range,
        params.clip_range_high,
        params.dual_clip,
    )
    clipped = clipped * own(experience.importance)
    loss = clipped - params.entropy_coefficient * outputs.entropy
    statistics |= {"policy_loss": clipped, "entropy": outputs.entropy}
    if learner.has_reference:
        kl = kl_estimate(outputs.log_probs, own(experience.reference_log_probs), params.kl_estimator)
        statistics["kl_reference"] = kl
        if params.kl_placement == "loss":
            loss = loss + params.kl_coefficient * kl
    return loss, statistics
