"""The modules that estimate values: a head on the policy's hidden states, or a whole model.

A head reads states that the policy has computed for its log-probabilities, *detached*: the critic sees what
the policy computes but does not shape it. This departs from the paper's separate critic model; it saves
three forward passes of a model a step (measured in the small world: nearly half of the update).
`train.critic: model` is the paper's way.

An informed head also reads what the environment knows of a state while training (`training.knowledge`): an
*asymmetric* actor-critic (Pinto et al., arXiv 1710.06542). The policy never sees it, and its gradient stays
unbiased, for a baseline may be any function b of what was there before the token: the expectation of b times
the gradient of the token's log-probability is b times the gradient of the probabilities' sum, which is 1.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from transformers import AutoModelForTokenClassification, PreTrainedModel

from stepsearch_core.learning.actor import token_states
from stepsearch_core.learning.batching import TokenBatch
from stepsearch_core.learning.head_sizes import INFORMED_WIDTH, SUMMARY

KNOWN_GAIN = 5.0
"""What is known, between 0 and 1, is multiplied by this to count from the first updates on."""


class ValueHead(nn.Module):
    """A small network in float32 on the policy's states, whose values start at 0."""

    def __init__(self, hidden_size: int, values: int = 1) -> None:
        """Take sizes: of the policy's states, and how many values are estimated of each."""
        super().__init__()
        self.layers = _two_layers(hidden_size, hidden_size, values)

    def forward(self, states: Tensor, known: Tensor) -> Tensor:
        """Values [tokens, values] of states [tokens, hidden]; nothing is known."""
        values: Tensor = self.layers(states.float())
        return values


class InformedHead(nn.Module):
    """The same on what is known of a state, and on a few numbers that sum the state up."""

    def __init__(self, hidden_size: int, known: int, values: int = 1) -> None:
        """Take sizes: of the policy's states, of what is known of each, and of what is estimated."""
        super().__init__()
        self.summary = nn.Linear(hidden_size, SUMMARY)
        self.layers = _two_layers(SUMMARY + known, INFORMED_WIDTH, values)

    def forward(self, states: Tensor, known: Tensor) -> Tensor:
        """Values [tokens, values] of states [tokens, hidden], of which `known` [tokens, known] is known."""
        summed_up = self.summary(states.float())
        values: Tensor = self.layers(torch.cat([summed_up, KNOWN_GAIN * known], dim=-1))
        return values


class CriticModel(nn.Module):
    """A whole model that starts from the policy's weights, with values of a token in place of logits."""

    def __init__(self, policy: PreTrainedModel, values: int = 1) -> None:
        super().__init__()
        config = copy.deepcopy(policy.config)
        config.num_labels, config.classifier_dropout = values, 0.0
        self.critic = AutoModelForTokenClassification.from_config(config, dtype=policy.dtype)
        self.critic.base_model.load_state_dict(policy.base_model.state_dict())
        nn.init.zeros_(self.critic.score.weight)
        nn.init.zeros_(self.critic.score.bias)

    def forward(self, batch: TokenBatch) -> Tensor:
        """Values [tokens, values] of the state before each policy token of `batch`."""
        values: Tensor = self.critic.score(token_states(self.critic, batch)).float()
        return values


def _two_layers(inputs: int, width: int, values: int) -> nn.Sequential:
    last = nn.Linear(width, values)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), last)
