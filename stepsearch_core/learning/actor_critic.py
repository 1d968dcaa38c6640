"""The trained modules: a causal language model, with a value head or beside a critic of its own.

A value head sits on the policy's *detached* hidden states: the critic sees what the policy computes but does
not shape it. This departs from the paper's separate critic model; it saves three forward passes of a model a
step (measured in the small world: nearly half of the update). `train.critic: model` is the paper's way.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification, PreTrainedModel

from stepsearch_core.learning.batching import TokenBatch
from stepsearch_core.learning.token_log_probs import TokenLogProbs


class TokenOutputs(NamedTuple):
    """For each policy token of a batch, [tokens] each: log-probability, entropy before it, value.

    A tuple because ZeRO 3 looks for tensors in what a module returns.
    """

    log_probs: Tensor
    entropy: Tensor
    """Carries a gradient only if the module was told to; zeros where it was not asked for."""
    values: Tensor
    """Zeros without a value head."""


class ActorCritic(nn.Module):
    """Policy and, if it has one, value head as one module, so that one DeepSpeed engine trains both."""

    def __init__(
        self,
        policy: PreTrainedModel,
        with_value_head: bool = True,
        entropy_gradient: bool = False,
        kernel: str = "chunked",
    ) -> None:
        super().__init__()
        self.policy, self.scores = policy, TokenLogProbs(entropy_gradient, kernel)
        self.value_head = _value_head(policy) if with_value_head else None

    def forward(
        self, batch: TokenBatch, temperature: float = 1.0, with_entropy: bool = True
    ) -> TokenOutputs:
        """Score the policy tokens of `batch`."""
        hidden = token_states(self.policy, batch)
        targets = torch.from_numpy(batch.targets).to(hidden.device)
        log_probs, entropy = self.scores(hidden, self.policy.lm_head, targets, temperature, with_entropy)
        values = torch.zeros_like(log_probs)
        if self.value_head is not None:
            values = self.value_head(hidden.detach()).squeeze(-1).float()
        return TokenOutputs(log_probs, entropy, values)


class Critic(nn.Module):
    """A whole model that starts from the policy's weights, with a scalar a token in place of logits."""

    def __init__(self, policy: PreTrainedModel) -> None:
        super().__init__()
        config = copy.deepcopy(policy.config)
        config.num_labels, config.classifier_dropout = 1, 0.0
        self.critic = AutoModelForTokenClassification.from_config(config, dtype=policy.dtype)
        self.critic.base_model.load_state_dict(policy.base_model.state_dict())
        nn.init.zeros_(self.critic.score.weight)
        nn.init.zeros_(self.critic.score.bias)

    def forward(self, batch: TokenBatch) -> Tensor:
        """Values [tokens]: of the state before each policy token of `batch`."""
        return self.critic.score(token_states(self.critic, batch)).squeeze(-1).float()


class Likelihood(nn.Module):
    """Log-probabilities of a batch's policy tokens, as a module that DeepSpeed can wrap."""

    def __init__(self, policy: PreTrainedModel, kernel: str = "chunked") -> None:
        super().__init__()
        self.policy, self.scores = policy, TokenLogProbs(kernel=kernel)

    def forward(self, batch: TokenBatch, temperature: float = 1.0) -> Tensor:
        """Log-probabilities [tokens]."""
        hidden = token_states(self.policy, batch)
        targets = torch.from_numpy(batch.targets).to(hidden.device)
        log_probs: Tensor = self.scores(hidden, self.policy.lm_head, targets, temperature, False)[0]
        return log_probs


def recompute_activations(model: PreTrainedModel) -> None:
    """Gradient checkpointing: a layer keeps its input alone and computes the rest again backwards."""
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()  # it applies in training mode only; these models have no dropout


def token_states(model: PreTrainedModel, batch: TokenBatch) -> Tensor:
    """Last hidden states [tokens, hidden] from which each policy token of `batch` is predicted."""
    device = model.device
    inputs = torch.from_numpy(batch.input_ids).to(device)
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state
    rows, positions = batch.predictors
    return hidden[torch.from_numpy(rows).to(device), torch.from_numpy(positions).to(device)]


def _value_head(policy: PreTrainedModel) -> nn.Sequential:
    """A small network whose values start at 0."""
    hidden = policy.config.hidden_size
    last = nn.Linear(hidden, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), last).to(policy.dtype)
