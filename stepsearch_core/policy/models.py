"""Causal language models: built from `params.model`, loaded from and saved as plain `save_pretrained` folders."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, Qwen3Config

from stepsearch_core.io import DataError
from stepsearch_core.params import ModelParams


def build_model(params: ModelParams, tokenizer: Any) -> PreTrainedModel:
    """A Qwen3 with random weights of the shape in `params`, with tied embeddings, for `tokenizer`'s vocabulary.

    Not Qwen2: for that type `AutoTokenizer` insists on the published tokenizer's class and ignores a trained one.
    """
    config = Qwen3Config(
        vocab_size=len(tokenizer),
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
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return AutoModelForCausalLM.from_config(config, dtype=getattr(torch, params.dtype))


def load_policy(source: str | Path, dtype: str = "float32") -> tuple[PreTrainedModel, Any]:
    """Model and tokenizer of a Hugging Face name or folder.

    Raises:
        DataError: neither a folder with a whole model nor a name that can be found.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype))
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(f"no model can be loaded: {str(error).splitlines()[0]}", source) from None
    return model, tokenizer


def save_policy(model: PreTrainedModel, tokenizer: Any, folder: Path) -> None:
    """Write model (safetensors) and tokenizer; the folder appears whole or not at all."""
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary, safe_serialization=True)
    tokenizer.save_pretrained(temporary)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.replace(folder)


def parameter_count(model: torch.nn.Module) -> int:
    """Number of parameters, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())
