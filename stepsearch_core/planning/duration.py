"""How long stages take on GPUs: seconds from tokens, the model and a card's published figures.

A forward pass of n tokens takes 2 operations a parameter and token (Kaplan et al., arXiv 2001.08361, table
1), 2 times layers, width and context length for causal attention, and the output layer only for what the
policy wrote. Training takes three such passes, four where activations are computed again; adapters one less,
as frozen weights need no gradients. Decoding reads all weights once a pass and every context's cache once a
token. Not counted: searches (they overlap with decoding), communication, the optimizer's step, checkpoints.

It is an estimate, good for telling minutes from hours and one setting from another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stepsearch_core.environment.prompts import style_of
from stepsearch_core.params import (
    CATALOGUE,
    CEILINGS,
    EnvironmentParams,
    FetchParams,
    Params,
    importance_sampled,
)
from stepsearch_core.planning.disk import ENCODER_DIMENSIONS, built_indexes, passage_count
from stepsearch_core.planning.speed import Rates, rates
from stepsearch_core.policy.structure import DTYPE_BYTES
from stepsearch_core.training.algorithms import ALGORITHMS
from stepsearch_core.training.architecture import Architecture
from stepsearch_core.training.memory import cache_bytes

TURN_SHARE = 1 / 3
"""Of `environment.max_turn_tokens`, that a policy writes in a turn (.30 in the default profile)."""
SEARCH_SHARE = 1 / 2
"""Of `environment.max_searches`, rounded up, that it makes."""
QUESTION_TOKENS = 32
WORD_TOKENS = 4 / 3
"""Tokens of an English word."""
ENCODER_LAYERS = {384: 6, 768: 12, 1024: 24}
"""Of sentence encoders, by their dimensions (MiniLM-L6, base, large)."""
PASSAGE_TOKENS = 130
"""Of a passage of 100 words."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of a trajectory as it typically is."""

    tokens: int
    """The whole context."""
    written: int
    """By the policy, of these."""
    longest: int
    """Written in the longest trajectory."""


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds; None for what is not known or not done."""

    lengths: Lengths
    rollout: float
    """Of a training step, as the next two."""
    scoring: float
    update: float
    train: float
    """All steps, with validations."""
    warmstart: float | None
    evaluate: float | None
    encode: float | None

    @property
    def step(self) -> float:
        """Of one training step."""
        return self.rollout + self.scoring + self.update


def typical_lengths(environment: EnvironmentParams) -> Lengths:
    """What a trajectory is taken to be: turns that end before their limit, and full observations."""
    searches = math.ceil(environment.max_searches * SEARCH_SHARE)
    turn = math.ceil(environment.max_turn_tokens * TURN_SHARE)
    prompt = round(len(style_of(environment).prompt.split()) * WORD_TOKENS) + QUESTION_TOKENS
    written = (searches + 1) * turn
    tokens = prompt + written + searches * environment.max_observation_tokens
    limit = environment.max_trajectory_tokens
    return Lengths(min(limit, tokens), min(limit, written), environment.most_written)


def durations(params: Params, shape: Architecture) -> Durations | None:
    """Seconds of the long stages on the GPUs of `hardware`; None without a card, or in float32."""
    hardware = params.hardware
    if not hardware.gpus or hardware.gpu is None or params.model.dtype != "bfloat16":
        return None
    clock = _Clock(params, shape, rates(hardware.gpu, params.rollout.engine))
    train = params.train
    trajectories = train.questions_per_step * train.samples_per_question / train.processes
    validation = clock.rollout(params.synthesize.validation_questions / train.processes)
    validations = 1 + math.ceil(train.steps / train.validate_every)
    step = (clock.rollout(trajectories), clock.scoring(trajectories), clock.update(trajectories))
    return Durations(
        clock.lengths,
        *step,
        train=train.steps * sum(step) + validations * validation,
        warmstart=clock.warmstart(),
        evaluate=clock.evaluate(),
        encode=clock.encode(),
    )


def forward_flops(shape: Architecture, lengths: Lengths) -> float:
    """Operations of the forward pass of one trajectory."""
    body = 2 * (shape.parameters - shape.embeddings)
    attention = 2 * shape.layers * shape.hidden_size * lengths.tokens
    head = 2 * shape.vocab_size * shape.hidden_size
    return lengths.tokens * (body + attention) + lengths.written * head


def training_passes(checkpointing: bool, adapters: bool = False) -> int:
    """Forward passes that forward and backward pass together are worth."""
    return 3 + checkpointing - adapters


class _Clock:
    """Seconds of a profile's work on GPUs of one kind; `trajectories` are those of one GPU."""

    def __init__(self, params: Params, shape: Architecture, rate: Rates) -> None:
        self.params = params
        self.shape = shape
        self.rate = rate
        self.lengths = typical_lengths(params.environment)
        self.forward = forward_flops(shape, self.lengths) / rate.flops

    def rollout(self, trajectories: float, together: int | None = None) -> float:
        """Of sampling, so many (default: `rollout.batch_size`) contexts together.

        Contexts take each other's places, so passes are what all write over the batch's size, and at the end
        what the longest of them writes beyond that.
        """
        lengths, dtype = self.lengths, self.params.model.dtype
        batches = max(1.0, trajectories / (together or self.params.rollout.batch_size))
        passes = lengths.written * batches + lengths.longest - lengths.written
        written = trajectories * lengths.written
        cache = cache_bytes(self.shape, 1, lengths.tokens // 2, dtype)  # half of a context, on average
        weights = self.shape.parameters * DTYPE_BYTES[dtype]
        reading = (passes * weights + written * cache) / self.rate.bandwidth
        computing = 2 * written * self.shape.parameters / self.rate.flops
        prefill = trajectories * self.forward
        return passes * self.rate.pass_seconds + max(reading, computing) + prefill

    def scoring(self, trajectories: float) -> float:
        """Of forward passes by policy, critic model and reference, as far as scoring asks them."""
        train = self.params.train
        has_critic = ALGORITHMS[train.algorithm].critic
        corrected = importance_sampled(self.params) or train.sequence_ratio_limit is not None
        asked = (has_critic or corrected) + bool(self.shape.critic) + (train.kl_coefficient > 0)
        return trajectories * self.forward * asked

    def update(self, trajectories: float) -> float:
        """Of forward and backward passes of policy and critic model."""
        train = self.params.train
        passes = train.epochs * training_passes(train.gradient_checkpointing, adapters=train.lora_rank > 0)
        if self.shape.critic:
            passes += train.critic_epochs * training_passes(train.gradient_checkpointing)
        return trajectories * self.forward * passes

    def warmstart(self) -> float | None:
        """Of all epochs; None without."""
        warmstart = self.params.warmstart
        shown = self.params.synthesize.trajectories * warmstart.epochs / warmstart.processes
        return shown * self.forward * training_passes(warmstart.gradient_checkpointing) or None

    def evaluate(self) -> float | None:
        """Of all policies but ceilings, which generate nothing; None if the questions are not known."""
        evaluate, questions = self.params.evaluate, question_count(self.params)
        if questions is None:
            return None
        policies = len(set(evaluate.policies).difference(CEILINGS))
        answers = questions * (evaluate.samples or 1) / evaluate.processes
        return policies * self.rollout(answers, evaluate.batch_size)

    def encode(self) -> float | None:
        """Of the dense index's passages, by an encoder of the size that its dimensions tell, or None."""
        retrieval, index = self.params.retrieval, self.params.index
        passages = passage_count(self.params.fetch)
        is_built = "dense" in built_indexes(self.params) and not index.ready_made
        if not is_built or passages is None or retrieval.encoder == "hashing":
            return None
        width = ENCODER_DIMENSIONS.get(retrieval.encoder, 1024)
        layers = ENCODER_LAYERS.get(width, 24)
        flops = PASSAGE_TOKENS * layers * (24 * width**2 + 4 * width * PASSAGE_TOKENS)
        return passages * flops / self.rate.flops / index.processes


def question_count(params: Params) -> int | None:
    """Questions that each policy is asked; None where their number is known only after `fetch`."""
    counts: list[int] = []
    for benchmark in params.evaluate.benchmarks:
        there = _there(params.fetch, benchmark)
        wanted = params.evaluate.questions
        if there is None and wanted is None:
            return None
        counts.append(min(count for count in (there, wanted) if count is not None))
    return sum(counts)


def _there(fetch: FetchParams, benchmark: str) -> int | None:
    if fetch.source == "world":
        return fetch.world.test_questions
    published = CATALOGUE[benchmark]
    is_it = fetch.source == "datasets" and fetch.sources.get(benchmark) == published.source
    return published.questions if is_it else None
