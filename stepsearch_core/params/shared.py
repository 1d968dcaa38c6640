"""The sections that several stages read: model, tokenizer, environment, rollout, reward, retrieval."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stepsearch_core.base.limits import anything, number, one_of, share, such_that
from stepsearch_core.base.text import SEGMENTERS
from stepsearch_core.params.defaults import section

METHODS: dict[str, tuple[str, ...]] = {
    "bm25": ("bm25",),
    "dense": ("dense",),
    "hybrid": ("bm25", "dense"),
    "remote": (),
}
"""What `retrieval.method` may be, and which indexes here it searches; a service has its own."""


def indexes_of(methods: Iterable[str]) -> set[str]:
    """The indexes here that any of these methods searches; of what is no method, none."""
    return {index for method in methods for index in METHODS.get(method, ())}


KEY_SOURCES = (*METHODS, "char_ngrams")
"""What can be asked whether a search key works."""
TANTIVY_CONSTANTS = (1.2, 0.75)
"""k1 and b of the BM25 engine tantivy, which takes no others."""


@section("model")
class ModelParams:
    """A Hugging Face causal model by name or path, or (`source: null`) a random Qwen3 of the given shape.

    DVC watches no folder that `source` names (nor one of `retrieval.encoder`), as a dependency cannot be a
    name of the hub: after a change in place, `dvc repro warmstart --force` (`index`), or name it anew.
    """

    source: str | None = anything()
    hidden_size: int = number(at_least=1)
    layers: int = number(at_least=1)
    heads: int = number(at_least=1)
    key_value_heads: int = number(at_least=1)
    intermediate_size: int = number(at_least=1)
    max_positions: int = number(at_least=1)
    dtype: str = one_of("float32", "bfloat16")


@section("tokenizer")
class TokenizerParams:
    """`word` and `bpe` are trained on training text; `pretrained` comes with `model.source`."""

    kind: str = one_of("word", "bpe", "pretrained")
    vocab_size: int = number(at_least=4)  # three are special


PROMPTS = ("minimal", "paper", "released")
"""The styles of prompt that come along (`environment/prompts.py`)."""
_PROMPT_FILE = re.compile(r"conf/prompts/\w[\w.-]*\.yaml")
SEARCHING = ("agent", "rag", "ircot", "search_o1")
"""Protocols that search."""


def is_prompt_file(name: str) -> bool:
    """Whether a prompt is a file of one's own: in the folder that DVC watches, below the work folder."""
    return _PROMPT_FILE.fullmatch(name) is not None


@section("environment")
class EnvironmentParams:
    """The episode: prompt, protocol, limits (in tokens unless said otherwise), how passages are shown.

    `environment/renderer.py` says what an observation is, `environment/actions.py` how turns are read,
    `environment/prompt_files.py` what a prompt file holds, `environment/protocols` what protocols are.
    """

    prompt: str = such_that(
        f"one of {', '.join(PROMPTS)}, or a file conf/prompts/NAME.yaml, which DVC watches",
        lambda name: name in PROMPTS or is_prompt_file(name),
    )
    protocol: str = one_of("agent", "direct", "chain_of_thought", "rag", "ircot", "search_o1")
    chat_template: bool = anything()
    parser: str = one_of("strict", "lenient")
    max_searches: int = number(at_least=0)
    passages_per_search: int = number(at_least=1)
    max_turn_tokens: int = number(at_least=1)
    max_observation_tokens: int = number(at_least=1)
    long_passages: str = one_of("cut", "skip")
    max_trajectory_tokens: int = number(at_least=1)

    @property
    def most_written(self) -> int:
        """Tokens that a policy can write in a trajectory, at most."""
        return min(self.max_trajectory_tokens, (self.max_searches + 1) * self.max_turn_tokens)


@section("rollout")
class RolloutParams:
    """How trajectories are sampled."""

    engine: str = one_of("transformers", "vllm")
    tensor_parallel: int = number(at_least=1)
    batch_size: int = number(at_least=1)
    temperature: float = number(at_least=0.001)
    retrieval_workers: int = number(at_least=1)
    retrieval_timeout: float | None = number(above=0)
    retrieval_attempts: int = number(at_least=1)


@section("reward")
class RewardParams:
    """Weights on the paper's terms; eq. 6 leaves gamma_key open and eq. 7 has both step weights at 1.

    `released` scores as the released code does, with that code's gain and weights in place of these.
    `terms` are rewards of one's own: the import path of a function of trajectory and question, and a weight.
    DVC watches no module that they name: after a change in one, `dvc repro train --force`. The same holds
    for the file `judge_prompt`.
    """

    preset: str = one_of("paper", "released")
    answer: str = one_of("f1", "em")
    gain: str = one_of("similarity", "above_floor", "supports", "likelihood")
    answer_weight: float = number(at_least=0)
    search_key_weight: float = number(at_least=0)
    information_gain_weight: float = number(at_least=0)
    redundancy_weight: float = number(at_least=0)
    terms: dict[str, float] = anything()
    judge_model: str | None = anything()
    judge_prompt: str | None = anything()


@section("endpoint")
class EndpointParams:
    """How an OpenAI-compatible service is reached: by `synthesize` for search keys, by `train` for a judge.

    It says where answers come from and not which, so no stage is stale for it; what it did not answer is
    asked again where the stage is forced to run.

    Its key stands in the environment variable OPENAI_API_KEY.
    """

    url: str | None = anything()
    concurrency: int = number(at_least=1)
    timeout: float = number(above=0)
    attempts: int = number(at_least=1)
    reasoning_tokens: int = number(at_least=0)
    prompt_price: float | None = number(at_least=0)
    reply_price: float | None = number(at_least=0)


@section("retrieval")
class RetrievalParams:
    """`bm25`, `dense`, `hybrid` (reciprocal rank fusion of both), or `remote`: as the service at `url` does.

    What follows `patience` is of the indexes that are built here; a service has settings of its own.

    `dtype` is what encoded passages are kept in until the index is filled. The index's own precision is its
    factory's: `SQfp16` is Flat in float16. On a GPU, `dtype: float16` keeps the vectors of Flat in float16,
    too.

    `encoder_dtype` and the prompts are a sentence encoder's. A prompt goes before each text; the model's own
    are those that its files name, which E5's do not.
    """

    method: str = one_of(*METHODS)
    url: str | None = anything()
    patience: float = number(above=0)
    segmenter: str = one_of(*SEGMENTERS)
    bm25_engine: str = one_of("bm25s", "tantivy")
    bm25_k1: float = number(at_least=0)
    bm25_b: float = share()
    stopwords: str | None = anything()
    encoder: str = anything()
    encoder_dtype: str = one_of("float32", "float16", "bfloat16")
    query_prompt: str | None = anything()
    passage_prompt: str | None = anything()
    dimensions: int = number(at_least=1, at_most=32_768)
    dtype: str = one_of("float32", "float16")
    index_factory: str = anything()
    index_search: str | None = anything()
    device: str = one_of("cpu", "cuda")
    fusion_constant: int = number(at_least=0)
