"""The forward pass of a Llama-like model for sampling: from a flat list of tokens to each last state.

The model's own modules are called, adapters included; what is ours is what lies between them. Two things
make it faster than the model's own forward pass: little Python between the kernels, and a last layer that
computes nothing but keys and values for tokens after which nothing is sampled (its queries, output and
feed-forward are most of its work).
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import rms_norm
from transformers import PreTrainedModel

from stepsearch_core.base.errors import DataError
from stepsearch_core.policy.structure import structure_problem
from stepsearch_core.sampling.paged_attention import Pass


def check_structure(config: Any) -> None:
    """See whether a model can be sampled from with `last_states`.

    Raises:
        DataError: another family, attention to a window only, or positions embedded by the longest context.
    """
    if problem := structure_problem(config.to_dict()):
        raise DataError(f"{problem}; vllm samples from more kinds", "params", field="rollout.engine")


def last_states(model: PreTrainedModel, token_ids: torch.Tensor, pass_: Pass) -> torch.Tensor:
    """States [contexts, hidden] after each context's last new token; stores keys and values."""
    decoder: Any = model.model
    states = decoder.embed_tokens(token_ids)
    cos, sin = (part[0, :, None] for part in decoder.rotary_emb(states, pass_.positions[None]))
    attend = pass_.attend
    for number, layer in enumerate(decoder.layers):
        attention = layer.self_attn
        normed = _norm(states, layer.input_layernorm)
        key = _rotated(_heads(normed, attention, "k"), cos, sin)
        pass_.store(number, key, _heads(normed, attention, "v"))
        if layer is decoder.layers[-1]:
            states, normed, cos, sin = (part[pass_.last] for part in (states, normed, cos, sin))
            attend = pass_.attend_last
        query = _rotated(_heads(normed, attention, "q"), cos, sin) * attention.scaling
        states = states + attention.o_proj(attend(number, query).flatten(1))
        states = states + layer.mlp(_norm(states, layer.post_attention_layernorm))
    return _norm(states, decoder.norm)


def _heads(states: torch.Tensor, attention: Any, name: str) -> torch.Tensor:
    """A projection of states [tokens, hidden], as [tokens, heads, head_dim], normalised as in the model."""
    projected = getattr(attention, f"{name}_proj")(states).view(len(states), -1, attention.head_dim)
    norm = getattr(attention, f"{name}_norm", None)
    return projected if norm is None else _norm(projected, norm)


def _norm(states: torch.Tensor, module: Any) -> torch.Tensor:
    return rms_norm(states, module.weight.shape, module.weight, module.variance_epsilon)


def _rotated(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding of [tokens, heads, head_dim] states."""
    first, second = states.chunk(2, dim=-1)
    return states * cos + torch.cat((-second, first), dim=-1) * sin
