"""The policy's architecture without its weights: configuration, parameter count, sizes that memory depends on.

Models are built on torch's meta device, which allocates nothing. A published model's configuration is taken from the
local cache or a folder; where there is none, from the table below; for any other name, from the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.io import DataError
from stepsearch_core.params import ModelParams, TokenizerParams, TrainParams

_QWEN25 = {
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
    "max_position_embeddings": 32768,
}
QWEN25: dict[str, dict[str, Any]] = {
    "0.5B": _QWEN25
    | {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
    "3B": _QWEN25
    | {"hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16},
    "7B": _QWEN25
    | {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
    | {"num_key_value_heads": 4, "vocab_size": 152064, "tie_word_embeddings": False},
}
"""Published architectures as `Qwen2Config` arguments (Qwen2.5 technical report, arXiv 2412.15115, table 1)."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes of a causal language model and of what training puts beside it; shared parameters are counted once."""

    parameters: int
    actor: int
    """The policy's with what training adds: a value head, adapters."""
    trained: int
    """Those of the actor that have gradients: all of them, but with adapters."""
    critic: int
    """A critic model's, 0 without one."""
    layers: int
    hidden_size: int
    intermediate_size: int
    key_value_size: int
    vocab_size: int
    normalises_heads: bool
    """Whether queries and keys are normalised, as in Qwen3."""


def architecture(model: ModelParams, tokenizer: TokenizerParams, prompt: str, train: TrainParams) -> Architecture:
    """The architecture that a profile names; of a tokenizer still to be trained, the largest it can become.

    A trained tokenizer has the tags of the style `prompt` on top.

    Raises:
        DataError: the configuration of `model.source` cannot be read.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from stepsearch_core.policy.models import parameter_count, random_config
    from stepsearch_core.training.actor_critic import ActorCritic, Critic
    from stepsearch_core.training.adapters import add_adapters
    from stepsearch_core.training.algorithms import ALGORITHMS

    vocab_size = tokenizer.vocab_size + len(STYLES[prompt].grammar.tags)
    config: Any = _published_config(model.source) if model.source else random_config(model, vocab_size)
    with torch.device("meta"):
        policy = AutoModelForCausalLM.from_config(config)
        parameters = parameter_count(policy)
        has_critic = ALGORITHMS[train.algorithm].critic
        critic = parameter_count(Critic(policy)) if has_critic and train.critic == "model" else 0
        if train.lora_rank:
            add_adapters(policy, train.lora_rank, train.lora_alpha)
        actor = ActorCritic(policy, with_value_head=has_critic and not critic)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Architecture(
        parameters=parameters,
        actor=parameter_count(actor),
        trained=sum(parameter.numel() for parameter in actor.parameters() if parameter.requires_grad),
        critic=critic,
        layers=config.num_hidden_layers,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        key_value_size=config.num_key_value_heads * head_dim,
        vocab_size=config.vocab_size,
        normalises_heads=config.model_type == "qwen3",
    )


def _published_config(source: str) -> Any:
    from transformers import AutoConfig, Qwen2Config

    try:
        return AutoConfig.from_pretrained(source, local_files_only=True)
    except (OSError, ValueError):
        pass
    for size, arguments in QWEN25.items():
        if source in (f"Qwen/Qwen2.5-{size}", f"Qwen/Qwen2.5-{size}-Instruct"):
            return Qwen2Config(**arguments)
    try:
        return AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise DataError(f"model.source: no configuration can be read: {str(error).splitlines()[0]}", source) from None
