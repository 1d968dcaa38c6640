"""The policy's architecture without its weights: configuration, parameter count, sizes for memory.

Parameters of the families that are sampled here are counted from the configuration, which takes no torch and
so no seconds; models of other families are built on torch's meta device, which allocates nothing. A
published model's configuration is taken from a folder or the local cache; where there is none, from the
table below; for any other name, from the hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.environment.prompts import style_of
from stepsearch_core.learning.head_sizes import head_parameters
from stepsearch_core.params import EnvironmentParams, ModelParams, TokenizerParams, TrainParams
from stepsearch_core.policy.structure import (
    FAMILIES,
    head_size,
    key_value_heads,
    local_folder,
    read_config,
)
from stepsearch_core.training.algorithms import ALGORITHMS
from stepsearch_core.training.knowledge import FEATURES

_QWEN25 = {
    "model_type": "qwen2",
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
    "max_position_embeddings": 32768,
}
_CONFIGS: dict[str, dict[str, Any]] = {
    "Qwen/Qwen2.5-0.5B": _QWEN25
    | {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
    "Qwen/Qwen2.5-3B": _QWEN25
    | {"hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16},
    "Qwen/Qwen2.5-7B": _QWEN25
    | {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
    | {"num_key_value_heads": 4, "vocab_size": 152064, "tie_word_embeddings": False},
    "HuggingFaceTB/SmolLM2-135M": {
        "model_type": "llama",
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
        "max_position_embeddings": 8192,
    },
}
PUBLISHED = {name + kind: config for name, config in _CONFIGS.items() for kind in ("", "-Instruct")}
"""Architectures of the profiles' models as configurations (Qwen2.5 technical report, arXiv 2412.15115, table
1; SmolLM2, arXiv 2502.02737).
"""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes of a causal language model and of what training puts beside it; shared parameters count once."""

    parameters: int
    actor: int
    """The policy's with what training adds to it: adapters."""
    trained: int
    """Those of the actor that have gradients: all of them, but with adapters."""
    critic: int
    """A critic model's, 0 without one."""
    value_head: int
    """A value head's, 0 without one: in float32, and whole on every GPU."""
    layers: int
    hidden_size: int
    intermediate_size: int
    key_value_size: int
    vocab_size: int
    normalises_heads: bool
    """Whether queries and keys are normalised, as in Qwen3."""
    embeddings: int
    """Of `parameters`, those of the vocabulary: one matrix if input and output share it, else two."""


def architecture(
    model: ModelParams, tokenizer: TokenizerParams, prompt: str, train: TrainParams
) -> Architecture:
    """The architecture that a profile names; of a tokenizer still to be trained, the largest it can become.

    A trained tokenizer has the tags of the style `prompt` on top.

    Raises:
        DataError: the configuration of `model.source` cannot be read.
    """
    vocab_size = tokenizer.vocab_size + len(style_of(EnvironmentParams(prompt=prompt)).grammar.tags)
    config = published_config(model.source) if model.source else _random_config(model, vocab_size)
    return architecture_of(config, train)


def architecture_of(config: Mapping[str, Any], train: TrainParams) -> Architecture:
    """The architecture of a model with this configuration, trained so."""
    has_critic = ALGORITHMS[train.algorithm].critic
    count = _counted if config["model_type"] in FAMILIES else _built
    parameters, adapters, critic = count(config, train)
    critic = critic if has_critic and train.critic == "model" else 0
    hidden = config["hidden_size"]
    known = len(FEATURES) if train.critic == "informed" else 0
    matrix = config["vocab_size"] * hidden
    return Architecture(
        parameters=parameters,
        actor=parameters + adapters,
        trained=adapters or parameters,
        critic=critic,
        value_head=head_parameters(hidden, known) if has_critic and not critic else 0,
        layers=config["num_hidden_layers"],
        hidden_size=hidden,
        intermediate_size=config["intermediate_size"],
        key_value_size=key_value_heads(config) * head_size(config),
        vocab_size=config["vocab_size"],
        normalises_heads=config["model_type"] == "qwen3",
        embeddings=matrix if config.get("tie_word_embeddings") else 2 * matrix,
    )


def published_config(source: str, download: bool = True) -> dict[str, Any]:
    """A published model's configuration: of its folder, of the cache, of `PUBLISHED`, or else of the hub.

    Raises:
        DataError: it cannot be read, or is only at the hub and `download` is False.
    """
    if folder := local_folder(source):
        return read_config(folder)
    if source in PUBLISHED:
        return PUBLISHED[source]
    problem = "not on this machine"
    if download:
        from transformers import AutoConfig

        try:
            return AutoConfig.from_pretrained(source).to_dict()
        except (OSError, ValueError) as error:
            problem = f"{str(error).splitlines()[0]} A folder with the model can be named as well"
    raise DataError(f"model.source: no configuration can be read: {problem}", source)


def _random_config(model: ModelParams, vocab_size: int) -> dict[str, Any]:
    """What `policy.models.random_config` builds from `model`."""
    return {
        "model_type": "qwen3",
        "vocab_size": vocab_size,
        "hidden_size": model.hidden_size,
        "intermediate_size": model.intermediate_size,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.key_value_heads,
        "head_dim": model.hidden_size // model.heads,
        "tie_word_embeddings": True,
    }


def _counted(config: Mapping[str, Any], train: TrainParams) -> tuple[int, int, int]:
    """Parameters of a model of `FAMILIES`, of adapters in it (or 0), and of a critic model beside it."""
    hidden = config["hidden_size"]
    wide = config["intermediate_size"]
    queries = config["num_attention_heads"] * head_size(config)
    keys = key_value_heads(config) * head_size(config)
    attention = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
    feed_forward = [(hidden, wide), (hidden, wide), (wide, hidden)]
    layer = sum(rows * columns for rows, columns in attention + feed_forward) + 2 * hidden
    if config["model_type"] == "qwen2":
        layer += queries + 2 * keys
    if config.get("attention_bias"):
        layer += queries + 2 * keys + hidden
    if config.get("mlp_bias"):
        layer += 2 * wide + hidden
    if config["model_type"] == "qwen3":
        layer += 2 * head_size(config)
    embeddings = config["vocab_size"] * hidden
    backbone = embeddings + config["num_hidden_layers"] * layer + hidden
    parameters = backbone if config.get("tie_word_embeddings") else backbone + embeddings
    adapters = config["num_hidden_layers"] * sum(
        train.lora_rank * (a + b) for a, b in attention + feed_forward
    )
    return parameters, adapters, backbone + hidden + 1


def _built(config: Mapping[str, Any], train: TrainParams) -> tuple[int, int, int]:
    """As `_counted`, for any family, by building the modules without memory."""
    import torch

    from stepsearch_core.learning.critics import CriticModel
    from stepsearch_core.policy.adapters import add_adapters
    from stepsearch_core.policy.models import empty_model, parameter_count

    policy = empty_model(config)
    parameters = parameter_count(policy)
    with torch.device("meta"):
        critic = parameter_count(CriticModel(policy)) if train.critic == "model" else 0
        if train.lora_rank:
            add_adapters(policy, train.lora_rank, train.lora_alpha)
    return parameters, parameter_count(policy) - parameters, critic
