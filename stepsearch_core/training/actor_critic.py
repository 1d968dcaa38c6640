"""The trained module: a causal language model, and a value head on its detached hidden states.

The critic sees what the policy computes but does not shape it: the value loss sends no gradient into the policy. This
departs from the paper's separate critic model; it saves three forward passes of a model a step (measured in the small
world: nearly half of the update) and cannot disturb the policy's features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from stepsearch_core.rollout.batching import TokenBatch


@dataclass(frozen=True, slots=True)
class TokenOutputs:
    """For each policy token of a batch, in its order, [tokens] each: log-probability, entropy before it, value."""

    log_probs: Tensor
    entropy: Tensor
    values: Tensor


class ActorCritic(nn.Module):
    """Policy and value head as one module, so that one DeepSpeed engine trains both."""

    def __init__(self, policy: PreTrainedModel) -> None:
        super().__init__()
        self.policy = policy
        hidden = policy.config.hidden_size
        last = nn.Linear(hidden, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.value_head = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), last).to(policy.dtype)

    def forward(self, batch: TokenBatch, temperature: float = 1.0) -> TokenOutputs:
        """Score the policy tokens of `batch`; logits are made for these only."""
        hidden = policy_states(self.policy, batch)
        logits = self.policy.lm_head(hidden).float() / temperature
        log_probs = torch.log_softmax(logits, dim=-1)
        targets = torch.from_numpy(batch.targets).to(hidden.device)
        entropy = -(log_probs.exp() * log_probs).sum(dim=-1)
        values = self.value_head(hidden.detach()).squeeze(-1).float()
        return TokenOutputs(log_probs.gather(-1, targets[:, None]).squeeze(-1), entropy, values)


def policy_states(policy: PreTrainedModel, batch: TokenBatch) -> Tensor:
    """Last hidden states [tokens, hidden] from which each policy token of `batch` is predicted."""
    device = policy.device
    hidden = policy.model(input_ids=torch.from_numpy(batch.input_ids).to(device), use_cache=False).last_hidden_state
    rows, positions = batch.predictors
    return hidden[torch.from_numpy(rows).to(device), torch.from_numpy(positions).to(device)]


def token_log_probs(policy: PreTrainedModel, batch: TokenBatch, temperature: float = 1.0) -> Tensor:
    """Log-probabilities [tokens] of the policy tokens of `batch`."""
    logits = policy.lm_head(policy_states(policy, batch)).float() / temperature
    targets = torch.from_numpy(batch.targets).to(logits.device)
    return -torch.nn.functional.cross_entropy(logits, targets, reduction="none")
