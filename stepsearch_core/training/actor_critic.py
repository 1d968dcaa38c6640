"""The trained modules: a causal language model, with a value head or beside a critic of its own.

A value head sits on the policy's *detached* hidden states: the critic sees what the policy computes but does not shape
it. This departs from the paper's separate critic model; it saves three forward passes of a model a step (measured in
the small world: nearly half of the update). `train.critic: model` is the paper's way.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification, PreTrainedModel

from stepsearch_core.rollout.batching import TokenBatch


class TokenOutputs(NamedTuple):
    """For each policy token of a batch, in its order, [tokens] each: log-probability, entropy before it, value.

    A tuple because ZeRO 3 looks for tensors in what a module returns.
    """

    log_probs: Tensor
    entropy: Tensor
    values: Tensor
    """Zeros without a value head."""


class ActorCritic(nn.Module):
    """Policy and, if it is to have one, value head as one module, so that one DeepSpeed engine trains both."""

    def __init__(self, policy: PreTrainedModel, with_value_head: bool = True) -> None:
        super().__init__()
        self.policy = policy
        self.value_head = _value_head(policy) if with_value_head else None

    def forward(self, batch: TokenBatch, temperature: float = 1.0) -> TokenOutputs:
        """Score the policy tokens of `batch`; logits are made for these only."""
        hidden = token_states(self.policy, batch)
        logits = self.policy.lm_head(hidden).float() / temperature
        log_probs = torch.log_softmax(logits, dim=-1)
        targets = torch.from_numpy(batch.targets).to(hidden.device)
        entropy = -(log_probs.exp() * log_probs).sum(dim=-1)
        chosen = log_probs.gather(-1, targets[:, None]).squeeze(-1)
        if self.value_head is None:
            return TokenOutputs(chosen, entropy, torch.zeros_like(entropy))
        return TokenOutputs(chosen, entropy, self.value_head(hidden.detach()).squeeze(-1).float())


class Critic(nn.Module):
    """A whole model that starts from the policy's weights, with a scalar for each token in place of its logits."""

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

    def __init__(self, policy: PreTrainedModel) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, batch: TokenBatch, temperature: float = 1.0) -> Tensor:
        """Log-probabilities [tokens]."""
        logits = self.policy.lm_head(token_states(self.policy, batch)).float() / temperature
        targets = torch.from_numpy(batch.targets).to(logits.device)
        return -torch.nn.functional.cross_entropy(logits, targets, reduction="none")


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
