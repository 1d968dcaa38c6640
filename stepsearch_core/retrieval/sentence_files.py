"""What the files of a sentence encoder say of it, read without torch: modules, dimensions, prompts.

Of the library sentence-transformers: `modules.json` lists what a text goes through, each module has a folder
with a configuration, and `config_sentence_transformers.json` has the prompts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_json, read_object

QUERY_PROMPTS = ("query",)
PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""Under which name a model has its prompt for queries and for passages, the first that it has."""
_MODULES = "modules.json"
_PROMPTS = "config_sentence_transformers.json"


@dataclass(frozen=True, slots=True)
class SentenceFiles:
    """What is known of a sentence encoder before it is loaded."""

    published: bool
    """Whether there are files of sentence-transformers: without them its pooling is a guess."""
    weights: Path | None
    """The folder of its first module's weights; None if that is not known here."""
    dimensions: int | None
    """Of its vectors; None if a module does not say it in a way known here."""
    query_prompt: str
    passage_prompt: str


def first_prompt(prompts: Mapping[str, str | None], names: Sequence[str]) -> str:
    """The first of these prompts that says anything, or nothing."""
    return next((prompt for name in names if (prompt := prompts.get(name))), "")


def read_sentence_files(folder: Path) -> SentenceFiles:
    """What the files in a model's folder say.

    Raises:
        DataError: one of them is missing or damaged.
    """
    if not (folder / _MODULES).is_file():
        config = read_object(folder / "config.json", ("model_type",))
        return SentenceFiles(False, folder, config.get("hidden_size"), "", "")
    modules = _modules(folder)
    kind, first = modules[0]
    if kind == "Transformer":
        read_object(first / "config.json", ("model_type",))
    file = folder / _PROMPTS
    prompts = read_object(file).get("prompts", {}) if file.is_file() else {}
    return SentenceFiles(
        True,
        first if kind in ("Transformer", "StaticEmbedding") else None,
        _dimensions(modules),
        first_prompt(prompts, QUERY_PROMPTS),
        first_prompt(prompts, PASSAGE_PROMPTS),
    )


def _modules(folder: Path) -> list[tuple[str, Path]]:
    """The kind and the folder of each module, in the order that a text goes through them."""
    file = folder / _MODULES
    modules = read_json(file)
    if not (isinstance(modules, list) and modules and all(map(_is_module, modules))):
        raise DataError("expected a list of modules, each with a type and a path", file)
    return [(module["type"].rpartition(".")[2], folder / module["path"]) for module in modules]


def _is_module(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("type", "path"))


def _dimensions(modules: Sequence[tuple[str, Path]]) -> int | None:
    """What the last module makes that decides how many they are."""
    for kind, folder in reversed(modules):
        if kind == "Dense":
            return read_object(folder / "config.json", ("out_features",))["out_features"]
        if kind == "Pooling":
            return _pooled(read_object(folder / "config.json"))
        if kind not in ("Normalize", "LayerNorm"):
            return None
    return None


def _pooled(config: Mapping[str, Any]) -> int | None:
    """Dimensions of one vector for each way of pooling, side by side."""
    size = config.get("embedding_dimension", config.get("word_embedding_dimension"))
    flags = [key for key, on in config.items() if key.startswith("pooling_mode_") and on]
    modes = config.get("pooling_mode", flags or "mean")
    return size and size * (1 if isinstance(modes, str) else len(modes))
