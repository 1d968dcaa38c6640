"""A trainer from the folders that earlier stages filled."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stepsearch_core.base.types import Question
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.questions import those_that_fit
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.distributed import downloading
from stepsearch_core.params import Params, importance_sampled
from stepsearch_core.policy.models import check_context, load_policy
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.ready_made import index_files
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.presets import scorer_and_weights
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.opening import open_engine
from stepsearch_core.synthesis.questions import load_questions
from stepsearch_core.synthesis.statistics import reward_shares
from stepsearch_core.training.architecture import architecture_of
from stepsearch_core.training.knowledge import Knowledge
from stepsearch_core.training.sampler_memory import beside_sampler
from stepsearch_core.training.trainer import Trainer


def open_trainer(data: Path, corpus: Corpus, params: Params) -> tuple[Trainer, list[Question], Any]:
    """The warm start's policy with all that trains it.

    Args:
        data: has the folders `index`, `synthesize` and `warmstart`.
        corpus: of the same pipeline.
        params: all but the sections of other stages count.

    Returns:
        The trainer, the questions held out for validation, and the policy's tokenizer.

    Raises:
        DataError: a damaged or missing folder, a context longer than the model's, or too many questions that
            do not fit into it.
        EngineError: the sampling engine cannot be opened.
    """
    start = data / "warmstart" / "policy"
    policy, tokenizer = load_policy(start)
    check_context(policy.config, params.environment.max_trajectory_tokens)
    renderer = Renderer(tokenizer, params.environment)
    questions = those_that_fit(load_questions(data / "synthesize" / "train.jsonl"), renderer)
    validation = those_that_fit(load_questions(data / "synthesize" / "validation.jsonl"), renderer)
    shares = reward_shares(questions, params.train.sees_step_rewards)
    logging.getLogger("train").info("%d questions, rewarded %s", len(questions), shares)
    with downloading(params.retrieval.encoder):
        retriever = open_retriever(params.retrieval, data / "index", corpus)

    engine = open_engine(
        policy,
        tokenizer,
        start,
        params.model,
        params.environment,
        params.rollout,
        held=partial(bytes_beside_sampler, policy.config.to_dict(), data / "index", params),
    )
    engine.sleep()  # the trainer's states come while the sampler lies on the GPU without weights and cache
    similarity = TfidfSimilarity.open(data / "index" / "tfidf", corpus, params.retrieval.segmenter)
    by_id = {question.id: question for question in questions}
    scorer, weights = scorer_and_weights(params, similarity, by_id, corpus)
    trainer = Trainer(
        policy=policy,
        rollout=Rollout(engine, retriever, renderer, params.rollout),
        likelihood_gains=params.reward.preset == "paper" and params.reward.gain == "likelihood",
        questions=questions,
        scorer=scorer,
        params=params.train,
        importance_sampled=importance_sampled(params),
        reward=weights,
        knowledge=(
            Knowledge(scorer, corpus.get, params.environment.max_searches)
            if params.train.critic == "informed"
            else None
        ),
        pad_token_id=tokenizer.pad_token_id,
        longest=params.environment.most_written,
        seed=params.seed,
    )
    return trainer, validation, tokenizer


def bytes_beside_sampler(config: Mapping[str, Any], index: Path, params: Params) -> float:
    """What a GPU holds beside vLLM in a run that trains such a model, counted as in its plan."""
    dense = index / "dense"
    files = index_files(dense) if params.retrieval.device == "cuda" and dense.is_dir() else []
    size = sum(file.stat().st_size for file in files)
    return sum(beside_sampler(architecture_of(config, params.train), params, size).values())
