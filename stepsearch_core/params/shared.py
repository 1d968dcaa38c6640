"""The sections that several stages read: model, tokenizer, environment, rollout, reward, retrieval."""

from __future__ import annotations

from dataclasses import dataclass

from stepsearch_core.base.limits import number, one_of, share
from stepsearch_core.base.text import SEGMENTERS

METHODS = ("bm25", "dense", "hybrid")


@dataclass
class ModelParams:
    """A Hugging Face causal model by name or path, or (`source: null`) a random Qwen3 of the given shape."""

    source: str | None = None
    hidden_size: int = number(128, at_least=1)
    layers: int = number(3, at_least=1)
    heads: int = number(4, at_least=1)
    key_value_heads: int = number(2, at_least=1)
    intermediate_size: int = number(384, at_least=1)
    max_positions: int = number(1024, at_least=1)
    dtype: str = one_of("float32", "float32", "bfloat16")


@dataclass
class TokenizerParams:
    """`word` and `bpe` are trained on training text; `pretrained` comes with `model.source`."""

    kind: str = one_of("word", "word", "bpe", "pretrained")
    vocab_size: int = number(2048, at_least=4)  # three are special


@dataclass
class EnvironmentParams:
    """The episode: prompt, limits (in tokens unless said otherwise) and how passages are shown.

    `environment.renderer` says what counts as an observation, `environment.actions` how turns are read.
    """

    prompt: str = one_of("minimal", "minimal", "paper", "released")
    chat_template: bool = False
    parser: str = one_of("strict", "strict", "lenient")
    max_searches: int = number(5, at_least=1)
    passages_per_search: int = number(2, at_least=1)
    max_turn_tokens: int = number(32, at_least=1)
    max_observation_tokens: int = number(96, at_least=1)
    long_passages: str = one_of("cut", "cut", "skip")
    max_trajectory_tokens: int = number(512, at_least=1)


@dataclass
class RolloutParams:
    """How trajectories are sampled."""

    engine: str = one_of("transformers", "transformers", "vllm")
    batch_size: int = number(64, at_least=1)  # trajectories in flight
    temperature: float = number(1.0, at_least=0.001)
    retrieval_workers: int = number(1, at_least=1)  # batches of searches in flight
    retrieval_timeout: float | None = number(
        60.0, above=0
    )  # seconds a search, its retries included; null: none
    retrieval_attempts: int = number(3, at_least=1)


@dataclass
class RewardParams:
    """Weights on the paper's terms; eq. 6 leaves gamma_key open and eq. 7 has both step weights at 1.

    `released` scores as the released code does, with that code's weights in place of these.
    """

    preset: str = one_of("paper", "paper", "released")
    answer_weight: float = number(1.0, at_least=0)
    search_key_weight: float = number(0.618, at_least=0)
    information_gain_weight: float = number(1.0, at_least=0)
    redundancy_weight: float = number(0.2, at_least=0)


@dataclass
class RetrievalParams:
    """`bm25`, `dense`, or `hybrid` (reciprocal rank fusion of both); which words all know."""

    method: str = one_of("bm25", *METHODS)
    segmenter: str = one_of("unicode", *SEGMENTERS)
    bm25_k1: float = number(1.5, at_least=0)
    bm25_b: float = share(0.75)
    stopwords: str | None = None  # a bm25s stop-word list such as "en", or null
    encoder: str = (
        "hashing"  # "hashing" (TF-IDF, randomly projected), or a sentence-transformers/transformers name
    )
    dimensions: int = number(1024, at_least=1, at_most=32_768)
    index_factory: str = "Flat"
    fusion_constant: int = number(60, at_least=0)
