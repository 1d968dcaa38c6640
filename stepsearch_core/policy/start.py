"""The policy before any training: a published one, or random weights and a tokenizer of their own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from transformers import PreTrainedModel

from stepsearch_core.base.errors import DataError
from stepsearch_core.environment.prompts import style_of
from stepsearch_core.params import EnvironmentParams, ModelParams, TokenizerParams
from stepsearch_core.policy.models import (
    build_model,
    check_context,
    load_policy,
    load_tokenizer,
    training_problem,
)
from stepsearch_core.policy.tokenizers import train_tokenizer


def starting_policy(
    model: ModelParams, tokenizer: TokenizerParams, environment: EnvironmentParams, texts: Iterable[str]
) -> tuple[PreTrainedModel, Any]:
    """Model and tokenizer that the warm start begins with.

    Args:
        model: names a published one or gives the shape of one to be built.
        tokenizer: the kind to be trained for a model that is built.
        environment: the style of its prompts has tags and words of its own; its contexts must fit the model.
        texts: what a tokenizer is trained on; not read for a published model.

    Raises:
        DataError: no such model, one that cannot be trained, or one of shorter contexts.
    """
    if model.source:
        policy, published = load_policy(model.source, model.dtype)
        if problem := training_problem(policy):
            raise DataError(problem, "params", field="model.source")
    else:
        published = starting_tokenizer(model, tokenizer, environment, texts)
        policy = build_model(model, published)
    check_context(policy.config, environment.max_trajectory_tokens)
    return policy, published


def starting_tokenizer(
    model: ModelParams, tokenizer: TokenizerParams, environment: EnvironmentParams, texts: Iterable[str]
) -> Any:
    """The tokenizer alone, as `starting_policy` has it.

    Raises:
        DataError: no such tokenizer.
    """
    if model.source:
        return load_tokenizer(model.source)
    style = style_of(environment)
    return train_tokenizer(chain(style.vocabulary(), texts), tokenizer, style.grammar.tags)
