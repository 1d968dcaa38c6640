"""The policy as what is trained: log-probabilities, entropies and hidden states of its tokens."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from stepsearch_core.learning.batching import TokenBatch
from stepsearch_core.learning.token_log_probs import TokenLogProbs


class TokenOutputs(NamedTuple):
    """For each policy token of a batch: log-probability and entropy before it [tokens], hidden state before
    it [tokens, hidden].

    A tuple because ZeRO 3 looks for tensors in what a module returns.
    """

    log_probs: Tensor
    entropy: Tensor
    """Carries a gradient only if the module was told to; zeros where it was not asked for."""
    states: Tensor
    """What a value head reads; without a gradient, so that the critic never shapes the policy."""


class Actor(nn.Module):
    """Scores the policy tokens of batches, as a module that DeepSpeed can wrap."""

    def __init__(
        self, policy: PreTrainedModel, entropy_gradient: bool = False, kernel: str = "chunked"
    ) -> None:
        super().__init__()
        self.policy, self.scores = policy, TokenLogProbs(entropy_gradient, kernel)

    def forward(
        self, batch: TokenBatch, temperature: float = 1.0, with_entropy: bool = False
    ) -> TokenOutputs:
        """Score the policy tokens of `batch`."""
        hidden = token_states(self.policy, batch)
        targets = torch.from_numpy(batch.targets).to(hidden.device)
        log_probs, entropy = self.scores(hidden, self.policy.lm_head, targets, temperature, with_entropy)
        return TokenOutputs(log_probs, entropy, hidden.detach())


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
