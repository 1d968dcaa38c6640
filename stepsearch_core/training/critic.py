"""The critic of a run: asked for values while trajectories are scored, fitted to returns once a step.

It has an optimizer, a schedule, passes (`train.critic_epochs`) and a gradient norm of its own, whatever its
kind. (One norm for both would scale the policy's gradient by the critic's, which is ten times as large in
the first steps.) A head learns from the hidden states that were there when its values were asked for; they
wait in main memory, on the rank that made them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from stepsearch_core.base.io import atomic_folder
from stepsearch_core.base.means import mean, measured
from stepsearch_core.base.ranks import is_main, world_size
from stepsearch_core.learning.actor import recompute_activations
from stepsearch_core.learning.batching import TokenBatch, micro_batches, token_batch
from stepsearch_core.learning.critics import CriticModel, InformedHead, ValueHead
from stepsearch_core.learning.deepspeed_engine import DeepSpeedEngine, adamw, whole_weights
from stepsearch_core.learning.distributed import all_reduce_sum, gather, own_micro_batch
from stepsearch_core.params import TrainParams
from stepsearch_core.training.experience import Experience, flat, shuffled_minibatches
from stepsearch_core.training.knowledge import FEATURES
from stepsearch_core.training.losses import value_loss
from stepsearch_core.training.schedule import schedule

HEAD = "value_head.safetensors"


class Critic:
    """A critic under DeepSpeed."""

    def __init__(self, policy: PreTrainedModel, params: TrainParams, values: int = 1) -> None:
        """Open the critic that `train.critic` names, of so many values a token."""
        self.params = params
        self._hidden = policy.config.hidden_size
        self.is_model = params.critic == "model"
        module = _module(policy, params, values)
        betas = params.adam_beta1, params.adam_beta2
        optimizer = adamw(module.parameters(), params.critic_learning_rate, params.weight_decay, betas)
        updates = params.steps * params.critic_epochs * params.minibatches
        self.engine = DeepSpeedEngine(
            module,
            optimizer,
            self._engine_params(),
            schedule(params.schedule, optimizer, updates, params.critic_warmup_ratio),
        )

    def _engine_params(self) -> TrainParams:
        """A head is too small to be sharded or offloaded."""
        own = replace(self.params, max_grad_norm=self.params.critic_max_grad_norm)
        return own if self.is_model else replace(own, zero_stage=0, offload_optimizer=False)

    def __call__(self, batch: TokenBatch, states: Tensor, known: np.ndarray) -> Tensor:
        """Values [tokens, values] before a batch's policy tokens.

        Args:
            batch: of trajectories.
            states: [tokens, hidden], the policy's.
            known: [tokens, features], empty but for an informed critic.
        """
        if self.is_model:
            return self.engine(batch)
        return self.head(states, known)

    def head(self, states: Tensor, known: np.ndarray) -> Tensor:
        """Values [tokens, values] of states that a head reads."""
        device = self.engine.device
        return self.engine(states.to(device), torch.from_numpy(known).to(device))

    def fit(
        self, experience: Experience, pad_token_id: int, generator: np.random.Generator
    ) -> dict[str, float]:
        """Learn the returns of a step; gives the mean loss of a token and the mean gradient norm.

        Args:
            experience: of the whole step, the same on every rank but for its states.
            pad_token_id: for padding.
            generator: shuffles minibatches, in the same state on every rank.
        """
        params, skipped = self.params, self.engine.skipped
        total, norms = 0.0, []
        self.engine.engine.train()
        for minibatch in shuffled_minibatches(
            experience, params.critic_epochs, params.minibatches, generator
        ):
            tokens = sum(len(experience.returns[index]) for index in minibatch)
            shares = self._shares(experience, minibatch)
            for number, (indices, weight) in enumerate(shares, start=1):
                loss = self._loss(experience, indices, pad_token_id).sum() * weight
                self.engine.accumulate(loss / tokens, last=number == len(shares))
                total += float(loss.detach())
            norms.append(self.engine.grad_norm)
        count = params.critic_epochs * sum(map(len, experience.returns))
        return {
            "value_loss": all_reduce_sum({"": total})[""] / count,
            **measured({"critic_grad_norm": mean(norm for norm in norms if np.isfinite(norm))}),
            "skipped_critic_updates": self.engine.skipped - skipped,
        }

    def _shares(self, experience: Experience, minibatch: Sequence[int]) -> list[tuple[list[int], float]]:
        """Those of this rank of the trajectories of each pass of a minibatch; the weight of their loss."""
        if not self.is_model:
            own = [index for index in minibatch if index in experience.states]
            parts = parts_of({i: len(experience.returns[i]) for i in own}, self.params.micro_batch_tokens)
            most = max(gather([len(parts)]))  # every rank makes as many passes
            return [(part, 1.0) for part in parts + [[]] * (most - len(parts))]
        members = [experience.trajectories[index] for index in minibatch]
        groups = micro_batches(members, self.params.micro_batch_tokens, world_size())
        shares = map(own_micro_batch, groups)
        return [([minibatch[position] for position in mine], weight) for mine, weight in shares]

    def _loss(self, experience: Experience, indices: Sequence[int], pad_token_id: int) -> Tensor:
        if not indices:  # a rank that holds none of them takes part all the same
            width = len(FEATURES) if self.params.critic == "informed" else 0
            nothing = np.zeros((1, width), dtype=np.float32)
            return self.head(torch.zeros(1, self._hidden), nothing) * 0.0
        if self.is_model:
            members = [experience.trajectories[index] for index in indices]
            values = self.engine(token_batch(members, pad_token_id))
        else:
            states = torch.cat([experience.states[index] for index in indices])
            values = self.head(states, np.concatenate([experience.known[index] for index in indices]))
        old, returns = (
            flat([rows[index] for index in indices], values)
            for rows in (experience.old_values, experience.returns)
        )
        return value_loss(values, old, returns, self.params.value_clip_range)

    def save(self, folder: Path) -> None:
        """Write a checkpoint to a new folder; called by every rank."""
        self.engine.save(folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote with as many processes; called by every rank.

        Raises:
            DataError: no whole checkpoint, or one of another architecture.
        """
        self.engine.load(folder)

    def export(self, folder: Path) -> None:
        """Write a folder in plain formats; called by every rank, written by one.

        A model is `save_pretrained`'s; a head is one safetensors file, whose metadata names what it knows.
        """
        module = self.engine.engine.module
        weights = whole_weights(module.critic if self.is_model else module)
        if not is_main():
            return
        with atomic_folder(folder) as written:
            if self.is_model:
                module.critic.save_pretrained(written, state_dict=weights)
            else:
                known = FEATURES if self.params.critic == "informed" else ()
                save_file(weights, written / HEAD, {"known": " ".join(known)})


def parts_of(lengths: Mapping[int, int], tokens: int) -> list[list[int]]:
    """Indices in their order, in parts of at most so many tokens; what is longer is a part of its own."""
    parts: list[list[int]] = [[]]
    held = 0
    for index, length in lengths.items():
        if parts[-1] and held + length > tokens:
            parts.append([])
            held = 0
        parts[-1].append(index)
        held += length
    return parts


def _module(policy: PreTrainedModel, params: TrainParams, values: int) -> torch.nn.Module:
    hidden = policy.config.hidden_size
    if params.critic == "value_head":
        return ValueHead(hidden, values)
    if params.critic == "informed":
        return InformedHead(hidden, len(FEATURES), values)
    model = CriticModel(policy, values)
    if params.gradient_checkpointing:
        recompute_activations(model.critic)
    return model
