"""The tokenizer to look with: a published one, or what stands in for one that is still to be trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_object
from stepsearch_core.environment.prompts import style_of
from stepsearch_core.params import Params


def stand_in(params: Params, texts: Iterable[str]) -> Any:
    """A tokenizer trained as `warmstart` would, on a sample of its texts."""
    from stepsearch_core.policy.tokenizers import train_tokenizer

    style = style_of(params.environment)
    return train_tokenizer(chain(style.vocabulary(), texts), params.tokenizer, style.grammar.tags)


def published_tokenizer(folder: Path, config: Mapping[str, Any]) -> Any:
    """The tokenizer of a folder, by the library's general class: a second less than finding the right one.

    Args:
        folder: the model's.
        config: what its `config.json` says; nothing if that cannot be read.

    Raises:
        DataError: there is none, it is damaged, or the model has fewer rows.
    """
    if not (folder / "tokenizer.json").is_file():
        from stepsearch_core.policy.models import load_tokenizer

        return load_tokenizer(folder)
    from transformers import PreTrainedTokenizerFast

    from stepsearch_core.policy.tokenizers import prepare

    ends = config.get("eos_token_id")
    if (folder / "generation_config.json").is_file():
        ends = read_object(folder / "generation_config.json").get("eos_token_id")
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    except Exception as error:  # the library's Rust part raises plain ones
        problem = f"no tokenizer can be loaded: {' '.join(str(error).split())[:300]}"
        raise DataError(problem, folder / "tokenizer.json") from None
    return prepare(tokenizer, ends, config.get("vocab_size"))
