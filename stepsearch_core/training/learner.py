"""What a training run trains and what it holds fixed: actor, critic and reference, under DeepSpeed.

Who learns is settled once, here. The actor is the policy's weights, or low-rank adapters on them (`peft`);
the critic is a head on the actor, a model of its own, or missing. The reference is the policy as it started:
a frozen copy, which DeepSpeed can keep in main memory; with adapters the actor without them; missing without
a KL coefficient. ZeRO 3 shards the actor's weights, so there it trains a copy and `push` brings its weights
to the policy that samples; otherwise the policy is trained in place.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from stepsearch_core.base.io import atomic_folder
from stepsearch_core.base.ranks import is_main
from stepsearch_core.learning.actor_critic import (
    ActorCritic,
    Critic,
    Likelihood,
    TokenOutputs,
    recompute_activations,
)
from stepsearch_core.learning.batching import TokenBatch
from stepsearch_core.learning.deepspeed_engine import (
    DeepSpeedEngine,
    adamw,
    copy_whole,
    frozen,
    whole_weights,
)
from stepsearch_core.params import TrainParams
from stepsearch_core.policy.adapters import add_adapters, plain_weights, without_adapters
from stepsearch_core.policy.models import save_policy
from stepsearch_core.runtime.allocator import give_back_freed_memory


class Learner:
    """Engines of one training run. `policy` has whole weights and is what samples."""

    def __init__(self, policy: PreTrainedModel, params: TrainParams, has_critic: bool) -> None:
        self.policy = policy
        self.params = params
        self.has_critic = has_critic
        critic = Critic(policy) if has_critic and params.critic == "model" else None
        self.has_reference = params.kl_coefficient > 0
        needs_copy = self.has_reference and not params.lora_rank
        reference = copy.deepcopy(policy).eval().requires_grad_(False) if needs_copy else None
        if params.lora_rank:
            add_adapters(policy, params.lora_rank, params.lora_alpha)
        self._trained = copy.deepcopy(policy) if params.zero_stage == 3 else policy
        if params.gradient_checkpointing:
            for model in filter(None, (self._trained, critic and critic.critic)):
                recompute_activations(model)
        with_value_head = has_critic and critic is None
        module = ActorCritic(
            self._trained, with_value_head, params.entropy_coefficient > 0, params.log_probs
        )
        self.actor = self._engine(module, self._groups(module))
        self.critic = (
            None if critic is None else self._engine(critic, [{"params": list(critic.parameters())}])
        )
        policy.to(self.actor.device)  # type: ignore[arg-type]  # DeepSpeed has moved what it trains to its GPU
        self._reference = None if reference is None else self._fixed(Likelihood(reference, params.log_probs))
        give_back_freed_memory()  # optimizer states are made through copies

    def _groups(self, module: ActorCritic) -> list[dict[str, Any]]:
        groups = [
            {
                "params": [p for p in self._trained.parameters() if p.requires_grad],
                "lr": self.params.learning_rate,
            }
        ]
        if module.value_head is not None:
            groups.append(
                {"params": list(module.value_head.parameters()), "lr": self.params.value_learning_rate}
            )
        return groups

    def _engine(self, module: torch.nn.Module, groups: list[dict[str, Any]]) -> DeepSpeedEngine:
        optimizer = adamw(groups, self.params.value_learning_rate, weight_decay=0.0)
        return DeepSpeedEngine(module, optimizer, self.params)

    def _fixed(self, module: torch.nn.Module) -> torch.nn.Module:
        if self.params.zero_stage == 3 or self.params.offload_reference:
            return frozen(module, self.params.offload_reference)
        return module.to(self.policy.device)

    def outputs(self, batch: TokenBatch, temperature: float, with_entropy: bool = True) -> TokenOutputs:
        """Log-probabilities, entropies (if asked for) and values of a batch's policy tokens."""
        outputs: TokenOutputs = self.actor(batch, temperature, with_entropy)
        if self.critic is None:
            return outputs
        return TokenOutputs(outputs.log_probs, outputs.entropy, self.critic(batch))

    def reference_log_probs(self, batch: TokenBatch, temperature: float) -> Tensor:
        """Log-probabilities of a batch's policy tokens under the policy as it started."""
        if self._reference is not None:
            return self._reference(batch, temperature)
        with without_adapters(self._trained):
            outputs: TokenOutputs = self.actor(batch, temperature, False)
            return outputs.log_probs

    def accumulate(self, policy_loss: Tensor, value_loss: Tensor, train_policy: bool, last: bool) -> None:
        """Backward passes of one micro-batch; after the `last` one the optimizers step."""
        if self.critic is not None:
            self.critic.accumulate(value_loss, last)
            if train_policy:
                self.actor.accumulate(policy_loss, last)
            return
        # ZeRO wants a gradient, if only 0, for every weight.
        self.actor.accumulate(value_loss + policy_loss * float(train_policy), last)

    def train(self) -> None:
        """Put what is trained into training mode, which sampling leaves: checkpointing asks for it."""
        for engine in filter(None, (self.actor, self.critic)):
            engine.engine.train()

    def push(self) -> None:
        """After an update: the policy that samples gets the trained weights; called by every rank."""
        if self._trained is self.policy:
            return
        copy_whole(self._trained, self.policy)

    @property
    def grad_norms(self) -> dict[str, float]:
        """Gradient norms of the last optimizer step, before clipping."""
        norms = {"grad_norm": self.actor.grad_norm}
        return norms if self.critic is None else norms | {"critic_grad_norm": self.critic.grad_norm}

    @property
    def skipped(self) -> int:
        """Optimizer steps that were left out so far, as their gradients were not finite."""
        return self.actor.skipped + (0 if self.critic is None else self.critic.skipped)

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
        """Write `policy/`, adapters added in, and `critic/`; called by every rank, written by one.

        Both are plain: the policy's and a critic model's are `save_pretrained`'s, a value head is one
        safetensors file.
        """
        module = self.actor.engine.module if self.critic is None else self.critic.engine.module
        head = module.value_head if self.critic is None else module.critic
        weights = {} if head is None else whole_weights(head)
        if not is_main():
            return
        plain = None
        if self.params.lora_rank:  # one after the other to main memory: a GPU has no room for two models
            plain = {name: weight.cpu() for name, weight in plain_weights(self.policy)}
        save_policy(self.policy, tokenizer, folder / "policy", plain)
        if not weights:
            return
        with atomic_folder(folder / "critic") as critic:
            if self.critic is not None:
                head.save_pretrained(critic, state_dict=weights)
            else:
                save_file(weights, critic / "value_head.safetensors")
