"""What a training run trains and what it holds fixed: actor, critic and reference, under DeepSpeed.

Who learns is settled once, here. The actor is the policy's weights, or low-rank adapters on them (`peft`);
the critic is a head on the actor's states, a model of its own, or missing. The reference is the policy as it
started: a frozen copy, which DeepSpeed can keep in main memory; with adapters the actor without them;
missing without a KL coefficient. ZeRO 3 shards the actor's weights, so there it trains a copy and `push`
brings its weights to the policy that samples; otherwise the policy is trained in place.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from stepsearch_core.base.ranks import is_main
from stepsearch_core.learning.actor import Actor, TokenOutputs, recompute_activations
from stepsearch_core.learning.batching import TokenBatch
from stepsearch_core.learning.deepspeed_engine import DeepSpeedEngine, adamw, copy_whole, frozen
from stepsearch_core.params import TrainParams
from stepsearch_core.policy.adapters import add_adapters, plain_weights, without_adapters
from stepsearch_core.policy.models import save_policy
from stepsearch_core.runtime.allocator import give_back_freed_memory
from stepsearch_core.training.critic import Critic
from stepsearch_core.training.schedule import schedule


class Learner:
    """Engines of one training run. `policy` has whole weights and is what samples."""

    def __init__(
        self, policy: PreTrainedModel, params: TrainParams, has_critic: bool, values: int = 1
    ) -> None:
        """Open the engines; a critic gives so many values a token."""
        self.policy = policy
        self.params = params
        self.critic = Critic(policy, params, values) if has_critic else None
        self.has_reference = params.kl_coefficient > 0
        needs_copy = self.has_reference and not params.lora_rank
        reference = copy.deepcopy(policy).eval().requires_grad_(False) if needs_copy else None
        if params.lora_rank:
            add_adapters(policy, params.lora_rank, params.lora_alpha)
        self._trained = copy.deepcopy(policy) if params.zero_stage == 3 else policy
        if params.gradient_checkpointing:
            recompute_activations(self._trained)
        module = Actor(self._trained, params.entropy_coefficient > 0, params.log_probs)
        trained = [parameter for parameter in self._trained.parameters() if parameter.requires_grad]
        betas = params.adam_beta1, params.adam_beta2
        optimizer = adamw(trained, params.learning_rate, params.weight_decay, betas)
        learning_steps = max(1, params.steps - (params.critic_warmup_steps if has_critic else 0))
        updates = learning_steps * params.epochs * params.minibatches
        rates = schedule(params.schedule, optimizer, updates, params.warmup_ratio)
        self.actor = DeepSpeedEngine(module, optimizer, params, rates)
        policy.to(self.actor.device)  # type: ignore[arg-type]  # DeepSpeed has moved what it trains to its GPU
        self._reference = (
            None if reference is None else self._fixed(Actor(reference, kernel=params.log_probs))
        )
        give_back_freed_memory()  # optimizer states are made through copies

    def _fixed(self, module: torch.nn.Module) -> torch.nn.Module:
        if self.params.zero_stage == 3 or self.params.offload_reference:
            return frozen(module, self.params.offload_reference)
        return module.to(self.policy.device)

    def outputs(self, batch: TokenBatch, temperature: float, with_entropy: bool = True) -> TokenOutputs:
        """Log-probabilities, entropies (if asked for) and states of a batch's policy tokens."""
        outputs: TokenOutputs = self.actor(batch, temperature, with_entropy)
        return outputs

    def reference_log_probs(self, batch: TokenBatch, temperature: float) -> Tensor:
        """Log-probabilities of a batch's policy tokens under the policy as it started."""
        outputs: TokenOutputs
        if self._reference is not None:
            outputs = self._reference(batch, temperature)
            return outputs.log_probs
        with without_adapters(self._trained):
            outputs = self.actor(batch, temperature)
            return outputs.log_probs

    def train(self) -> None:
        """Put the policy into training mode, which sampling leaves: checkpointing asks for it."""
        self.actor.engine.train()

    def push(self) -> None:
        """After an update: the policy that samples gets the trained weights; called by every rank."""
        if self._trained is self.policy:
            return
        copy_whole(self._trained, self.policy)

    def save(self, folder: Path) -> None:
        """Write a checkpoint to a new folder; called by every rank."""
        self.actor.save(folder / "actor")
        if self.critic is not None:
            self.critic.save(folder / "critic")

    def load(self, folder: Path) -> None:
        """Read what `save` wrote with as many processes; called by every rank, before `push`.

        Raises:
            DataError: no whole checkpoint, or one of another architecture.
        """
        self.actor.load(folder / "actor")
        if self.critic is not None:
            self.critic.load(folder / "critic")

    def export(self, tokenizer: Any, folder: Path) -> None:
        """Write `policy/` (`save_pretrained`'s, adapters added in) and `critic/`; called by every rank."""
        if self.critic is not None:
            self.critic.export(folder / "critic")
        if not is_main():
            return
        plain = None
        if self.params.lora_rank:  # one after the other to main memory: a GPU has no room for two models
            plain = {name: weight.cpu() for name, weight in plain_weights(self.policy)}
        save_policy(self.policy, tokenizer, folder / "policy", plain)
