"""What a model's `config.json` says, read without torch: where its files lie, whether it can be sampled.

A configuration is the plain mapping of the file. Values that a family leaves out have that family's
defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_object

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
"""Model types whose structure `sampling.decoder` writes down."""
DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Of an element."""


def local_folder(source: str) -> Path | None:
    """Where a model's files lie on this machine: a folder, or a snapshot in the hub's cache; or None."""
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(source, "config.json")
    except HFValidationError:  # no name that the hub could have: a path that is not there
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def hub_folder(source: str, revision: str | None) -> Path:
    """The folder of a model with its tokenizer: `source`, or what the hub has under this name.

    Raises:
        DataError: neither a folder nor a name of the hub, or it cannot be had.
    """
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    if not revision:
        problem = "no such folder, and a name of the hub needs a revision: what a name stands for changes"
        raise DataError(problem, source, field="evaluate.others")
    others = ["*.bin", "*.gguf", "*.pth"]  # the same weights in other files
    try:
        return Path(snapshot_download(source, revision=revision, ignore_patterns=others))
    except (OSError, ValueError, HFValidationError) as error:
        problem = f"cannot be had from the hub: {' '.join(str(error).split())[:200]}"
        raise DataError(problem, source, field="evaluate.others") from None


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a model's folder.

    Raises:
        DataError: it is missing, no JSON object, or names no type of model; or there are GGUF files alone.
    """
    check_weights_kind(folder)
    return read_object(folder / "config.json", ("model_type",))


def check_weights_kind(source: str | Path) -> None:
    """See whether a model's folder has weights as transformers writes them.

    Raises:
        DataError: it has GGUF files alone, or `source` is one.
    """
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    files = sorted(folder.glob("*.gguf")) if path.is_dir() else [path] * path.match("*.gguf")
    if files and not any(path for ending in ("safetensors", "bin") for path in folder.glob(f"*.{ending}")):
        problem = (
            f"{files[0].name} is a GGUF file, weights rounded for llama.cpp: take the folder that it was"
            " made from, with model.safetensors, or make one of it (docs/bring_your_own.md)"
        )
        raise DataError(problem, folder)


def structure_problem(config: Mapping[str, Any]) -> str | None:
    """Why `sampling.decoder` cannot sample from a model (its family, a window, its positions), or None."""
    if config["model_type"] not in FAMILIES:
        return f"transformers samples from {', '.join(FAMILIES)} models, not from {config['model_type']}"
    windowed = config["model_type"] == "mistral" or config.get("use_sliding_window")
    if "sliding_attention" in (config.get("layer_types") or ()) or (
        windowed and config.get("sliding_window")
    ):
        return "transformers does not sample from models with sliding attention"
    kind = _rope(config)[0]
    if kind == "longrope" or "dynamic" in kind:  # frequencies of one context would depend on the others
        return f"transformers does not sample from models with {kind} position embeddings"
    return None


def head_size(config: Mapping[str, Any]) -> int:
    """Elements of a query or key of one attention head."""
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def key_value_heads(config: Mapping[str, Any]) -> int:
    """Heads that keys and values have; fewer than queries have where several share one."""
    return config.get("num_key_value_heads") or config["num_attention_heads"]


def context_limit(config: Mapping[str, Any]) -> int | None:
    """The longest context, in tokens, that a model is made for: positions, as rotary embeddings stretch it.

    `max_position_embeddings` times the factor of "linear", "dynamic" and "yarn" scaling (of yarn: the
    original length); "llama3" and "longrope" have it in `max_position_embeddings`. The same rules as vLLM's.

    Returns:
        None if the configuration names no limit.
    """
    config = config.get("text_config") or config
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    kind, rope = _rope(config)
    if positions is None or kind in ("default", "llama3", "longrope"):
        return positions
    if kind == "yarn":
        positions = rope.get("original_max_position_embeddings") or positions
    return int(positions * (rope.get("factor") or 1.0))


def _rope(config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The kind of rotary embeddings and their settings; once called `rope_scaling` and `type`."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return str(rope.get("rope_type") or rope.get("type") or "default"), rope
