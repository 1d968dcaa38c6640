"""Causal language models: built from `params.model`, loaded and saved as `save_pretrained` folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    Qwen3Config,
)

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import atomic_folder
from stepsearch_core.params import ModelParams
from stepsearch_core.policy.structure import check_weights_kind, context_limit
from stepsearch_core.policy.tokenizers import prepare

_SCALES = (
    "final_logit_softcapping",
    "logits_scaling",
    "logit_scale",
    "lm_head_multiplier",
    "output_multiplier",
)
"""What configurations call a change of the logits behind the output layer (Gemma, Granite, Cohere, ...)."""


def build_model(params: ModelParams, tokenizer: Any) -> PreTrainedModel:
    """A Qwen3 with random weights of the shape in `params`, for `tokenizer`'s vocabulary."""
    config = random_config(params, len(tokenizer), tokenizer.eos_token_id, tokenizer.pad_token_id)
    return AutoModelForCausalLM.from_config(config, dtype=getattr(torch, params.dtype))


def random_config(
    params: ModelParams, vocab_size: int, eos_token_id: int | None = None, pad_token_id: int | None = None
) -> Qwen3Config:
    """A Qwen3 of the shape in `params`, with tied embeddings.

    Not Qwen2: for that type `AutoTokenizer` insists on the published tokenizer's class and ignores a trained
    one.
    """
    return Qwen3Config(
        vocab_size=vocab_size,
        hidden_size=params.hidden_size,
        num_hidden_layers=params.layers,
        num_attention_heads=params.heads,
        num_key_value_heads=params.key_value_heads,
        head_dim=params.hidden_size // params.heads,
        intermediate_size=params.intermediate_size,
        max_position_embeddings=params.max_positions,
        tie_word_embeddings=True,
        initializer_range=0.02,
        bos_token_id=None,
        eos_token_id=eos_token_id,
        pad_token_id=pad_token_id,
    )


def load_policy(source: str | Path, dtype: str = "auto") -> tuple[PreTrainedModel, Any]:
    """Model and tokenizer of a Hugging Face name or folder; `auto` is the dtype that it was saved with.

    The tokenizer is prepared (`policy.tokenizers.prepare`); every token that ends a turn stands in the
    model's generation config, so that it ends one wherever the policy is used.

    Raises:
        DataError: neither a folder with a whole model nor a name that can be found, weights of another
            architecture, or fewer of them than the tokenizer has tokens.
    """
    check_weights_kind(source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=dtype if dtype == "auto" else getattr(torch, dtype),
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, SafetensorError, StrictDataclassError) as error:
        raise DataError(f"no model can be loaded: {' '.join(str(error).split())[:300]}", source) from None
    model, found = loaded
    for name, saved, wanted in sorted(found["mismatched_keys"]):
        problem = (
            f"no model can be loaded: tensor {name} has the shape {list(saved)},"
            f" the configuration {list(wanted)}"
        )
        raise DataError(problem, source)
    if found["missing_keys"]:
        raise DataError(f"no model can be loaded: no tensor {min(found['missing_keys'])}", source)
    prepare(tokenizer, model.generation_config.eos_token_id, model.get_input_embeddings().num_embeddings)
    if len(tokenizer.turn_ends) > 1:
        model.generation_config.eos_token_id = sorted(tokenizer.turn_ends)
    return model, tokenizer


def load_tokenizer(source: str | Path) -> Any:
    """The tokenizer alone of a Hugging Face name or folder, prepared as `load_policy` does.

    Raises:
        DataError: there is none, or it has more tokens than the model beside it.
    """
    check_weights_kind(source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise DataError(
            f"no tokenizer can be loaded: {' '.join(str(error).split())[:300]}", source
        ) from None
    try:
        config = AutoConfig.from_pretrained(source).get_text_config()
    except (OSError, ValueError):  # no model is there
        return prepare(tokenizer)
    try:
        ends = GenerationConfig.from_pretrained(source).eos_token_id
    except (OSError, ValueError):  # it has no such file
        ends = config.eos_token_id
    return prepare(tokenizer, ends, config.vocab_size)


def empty_model(config: Mapping[str, Any]) -> PreTrainedModel:
    """A model of a `config.json` without memory for its weights, on torch's meta device.

    Raises:
        DataError: transformers makes no model of it.
    """
    arguments = {name: value for name, value in config.items() if name != "model_type"}
    try:
        with torch.device("meta"):
            made = AutoConfig.for_model(config["model_type"], **arguments)
            return AutoModelForCausalLM.from_config(made)
    except (ValueError, StrictDataclassError) as error:
        problem = f"no model can be made of its config.json: {' '.join(str(error).split())[:200]}"
        raise DataError(problem, "params", field="model.source") from None


def training_problem(model: PreTrainedModel) -> str | None:
    """Why a model cannot be trained here, or None: how its logits are made of its last states.

    Of a trajectory only the policy's tokens get logits, by `lm_head` from the states of `model`
    (`learning.actor`).
    """
    config = model.config.get_text_config()
    if not (hasattr(model, "model") and hasattr(model, "lm_head")):
        return f"training takes models of layers `model` and `lm_head`, {config.model_type} has others"
    for name in _SCALES:
        if getattr(config, name, None) not in (None, 1):
            value = getattr(config, name)
            return f"{config.model_type} changes its logits by {name} ({value:g}), which training leaves out"
    return None


def check_context(config: Any, tokens: int) -> None:
    """See whether a model's contexts may be as long as `environment.max_trajectory_tokens` says.

    Raises:
        DataError: they may not.
    """
    limit = context_limit(config.to_dict())
    if limit is not None and tokens > limit:
        problem = f"{tokens} tokens, but the model is made for contexts of at most {limit}"
        raise DataError(problem, "params", field="environment.max_trajectory_tokens")


def save_policy(
    model: PreTrainedModel,
    tokenizer: Any,
    folder: Path,
    weights: dict[str, torch.Tensor] | None = None,
) -> None:
    """Write model (safetensors) and tokenizer; the folder appears whole or not at all.

    Args:
        model: has the configuration, and the weights where `weights` gives no others.
        tokenizer: the model's.
        folder: to be made.
        weights: every parameter by its name, in place of the model's own.
    """
    with atomic_folder(folder) as temporary:
        model.save_pretrained(temporary, safe_serialization=True, state_dict=weights)
        tokenizer.save_pretrained(temporary)


def parameter_count(model: torch.nn.Module) -> int:
    """Number of parameters, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())
