"""The PPO update: minibatches of trajectories, micro-batches alike in length, losses over global token counts.

All ranks hold the same experience and draw the same minibatches; each takes its share of every micro-batch, so that
ranks that wait for each other have sequences of about one length.
Actor and value head are trained by one engine and one backward pass. Old log-probabilities are those recorded while
sampling; nothing is recomputed in their place.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from stepsearch_core.params import TrainParams
from stepsearch_core.rollout.batching import length_groups, token_batch
from stepsearch_core.training.deepspeed_engine import DeepSpeedTrainer
from stepsearch_core.training.distributed import all_reduce_sum, share_of_micro_batch, world_size
from stepsearch_core.training.experience import Experience
from stepsearch_core.training.losses import kl_estimate, policy_loss, value_loss


def update(
    engine: DeepSpeedTrainer,
    experience: Experience,
    params: TrainParams,
    temperature: float,
    pad_token_id: int,
    generator: np.random.Generator,
    train_policy: bool,
) -> dict[str, float]:
    """Train on one batch of experience; returns statistics averaged over policy tokens (`grad_norm`: over steps).

    Args:
        engine: holds an `ActorCritic`.
        experience: of the whole step, with advantages and returns, the same on every rank.
        params: minibatches, epochs and coefficients.
        temperature: of sampling, under which ratios are taken.
        pad_token_id: for padding.
        generator: shuffles minibatches, in the same state on every rank.
        train_policy: False trains the value head alone (critic warm-up).
    """
    totals: dict[str, float] = defaultdict(float)
    norms = []
    for _ in range(params.epochs):
        shuffled = generator.permutation(len(experience.trajectories))
        for minibatch in np.array_split(shuffled, min(params.minibatches, len(shuffled))):
            tokens = sum(len(experience.rewards[index]) for index in minibatch)
            members = [experience.trajectories[index] for index in minibatch]
            groups = length_groups(members, params.micro_batch_size * world_size())
            for number, group in enumerate(groups, start=1):
                mine, weight = share_of_micro_batch(group)
                indices = [int(minibatch[position]) for position in mine]
                parts = _token_losses(engine, experience, indices, params, temperature, pad_token_id)
                policy = parts["policy_loss"] + params.kl_coefficient * parts["kl_reference"]
                policy = policy - params.entropy_coefficient * parts["entropy"]
                loss = parts["value_loss"] + policy * float(train_policy)
                engine.accumulate(weight * loss.sum() / tokens, last=number == len(groups))
                for name, values in parts.items():
                    totals[name] += weight * float(values.detach().sum())
            norms.append(engine.grad_norm)
    totals = all_reduce_sum(totals)
    count = params.epochs * sum(map(len, experience.rewards))
    return {name: total / count for name, total in totals.items()} | {"grad_norm": float(np.mean(norms))}


def _token_losses(
    engine: DeepSpeedTrainer,
    experience: Experience,
    indices: list[int],
    params: TrainParams,
    temperature: float,
    pad_token_id: int,
) -> dict[str, Tensor]:
    """Loss terms and statistics of every policy token of a micro-batch, [tokens] each."""
    batch = token_batch([experience.trajectories[index] for index in indices], pad_token_id)
    outputs = engine(batch, temperature)

    def flat(arrays: list[np.ndarray]) -> Tensor:
        values = np.concatenate([arrays[index] for index in indices]).astype(np.float32)
        return torch.from_numpy(values).to(outputs.log_probs.device)

    losses, stats = policy_loss(
        outputs.log_probs, flat(experience.old_log_probs), flat(experience.advantages), params.clip_range
    )
    return {
        "policy_loss": losses,
        "value_loss": value_loss(
            outputs.values, flat(experience.old_values), flat(experience.returns), params.value_clip_range
        ),
        "kl_reference": kl_estimate(outputs.log_probs, flat(experience.reference_log_probs), "k3"),
        "entropy": outputs.entropy,
        **stats,
    }
