"""What a model's `config.json` says, read without torch: where its files lie here, and whether this project samples it.

A configuration is the plain mapping of the file. Values that a family leaves out have that family's defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepsearch_core.io import read_object

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
"""Model types whose structure `policy.decoder` writes down."""


def local_folder(source: str) -> Path | None:
    """Where a model's files lie on this machine: a folder, or a snapshot in the cache of the hub; None: nowhere."""
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(source, "config.json")
    except HFValidationError:  # no name that the hub could have: a path that is not there
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a model's folder.

    Raises:
        DataError: it is missing, no JSON object, or names no type of model.
    """
    return read_object(folder / "config.json", ("model_type",))


def structure_problem(config: Mapping[str, Any]) -> str | None:
    """Why `policy.decoder` cannot sample from a model, or None: another family, a window, or context-wide positions."""
    if config["model_type"] not in FAMILIES:
        return f"transformers samples from {', '.join(FAMILIES)} models, not from {config['model_type']}"
    windowed = config["model_type"] == "mistral" or config.get("use_sliding_window")
    if "sliding_attention" in (config.get("layer_types") or ()) or (windowed and config.get("sliding_window")):
        return "transformers does not sample from models with sliding attention"
    positions = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = str(positions.get("rope_type") or positions.get("type") or "default")
    if kind == "longrope" or "dynamic" in kind:  # frequencies of one context would depend on the others
        return f"transformers does not sample from models with {kind} position embeddings"
    return None
