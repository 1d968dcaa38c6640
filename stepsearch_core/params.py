"""The one schema of `params.yaml`: OmegaConf structured configs, a section for each stage and for what stages share.

`load_params` merges a file onto the schema, so an unknown key, a wrong type or a value outside its limits is an error
that names it. Limits stand beside their fields (`limits`); `RULES` says what several parameters must satisfy together.
Every field has a default except those that a profile must decide; the profiles in `conf/` state all of them, with
comments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from textwrap import shorten

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from stepsearch_core.limits import first_problem, number, one_of, share

BENCHMARKS = ("musique", "hotpotqa", "2wikimultihopqa", "bamboogle")
METHODS = ("bm25", "dense", "hybrid")
POLICIES = ("warmstart", "trained", "oracle")


class ParamsError(ValueError):
    """A parameter file that does not fit the schema; the message names file and key."""


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
    vocab_size: int = number(2048, at_least=1)


@dataclass
class EnvironmentParams:
    """The episode: prompt, limits (in tokens unless said otherwise) and how passages are shown."""

    prompt: str = one_of("minimal", "minimal", "paper")
    chat_template: bool = False
    max_searches: int = number(5, at_least=1)
    passages_per_search: int = number(2, at_least=1)
    max_turn_tokens: int = number(32, at_least=1)
    max_observation_tokens: int = number(96, at_least=1)
    max_trajectory_tokens: int = number(512, at_least=1)


@dataclass
class RolloutParams:
    """How trajectories are sampled."""

    engine: str = one_of("transformers", "transformers")
    batch_size: int = number(64, at_least=1)
    temperature: float = number(1.0, above=0)


@dataclass
class RewardParams:
    """Weights on the paper's terms; eq. 6 leaves gamma_key open and eq. 7 has both step weights at 1."""

    preset: str = one_of("paper", "paper")
    answer_weight: float = number(1.0, at_least=0)
    search_key_weight: float = number(0.618, at_least=0)
    information_gain_weight: float = number(1.0, at_least=0)
    redundancy_weight: float = number(0.2, at_least=0)


@dataclass
class RetrievalParams:
    """`bm25`, `dense`, or `hybrid` (reciprocal rank fusion of both)."""

    method: str = one_of("bm25", *METHODS)
    bm25_k1: float = number(1.5, at_least=0)
    bm25_b: float = share(0.75)
    stopwords: str | None = None  # a bm25s stop-word list such as "en", or null
    encoder: str = "hashing"  # "hashing" (TF-IDF, randomly projected), or a sentence-transformers/transformers name
    dimensions: int = number(1024, at_least=1)
    index_factory: str = "Flat"
    fusion_constant: int = number(60, at_least=0)


@dataclass
class WorldParams:
    """Size of the generated world (`fetch.source: world`)."""

    seed: int = number(7, at_least=0)
    people: int = number(320, at_least=1)
    works: int = number(320, at_least=1)
    organisations: int = number(120, at_least=1)
    cities: int = number(90, at_least=1)
    countries: int = number(24, at_least=1)
    train_questions: int = number(4200, at_least=1)
    test_questions: int = number(250, at_least=1)


@dataclass
class DatasetParams:
    """A split of a dataset: a directory below `fetch.folder`, or a name of the Hugging Face hub with its revision."""

    name: str = MISSING
    config: str | None = None
    split: str = MISSING
    revision: str | None = None


@dataclass
class FetchParams:
    """Where benchmarks come from: the generated world, `files` (name -> file name) inside `folder`, or `datasets`."""

    source: str = one_of("world", "world", "files", "datasets")
    folder: str = "stepsearch_core/worlds"  # a DVC dependency: generator code, or the folder of files or datasets
    files: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, DatasetParams] = field(default_factory=dict)
    world: WorldParams = field(default_factory=WorldParams)


@dataclass
class CorpusParams:
    """Which passages are indexed: the fetched corpus file, the benchmarks' own paragraphs, or both."""

    include_benchmarks: bool = True


@dataclass
class IndexParams:
    """Which retrieval methods the report measures, on how many questions of each benchmark at most (null: all)."""

    measured_methods: list[str] = one_of(METHODS, *METHODS)
    measured_depths: list[int] = number([2, 3, 10], at_least=1)
    measured_questions: int | None = number(600, at_least=1)  # null: all


@dataclass
class SynthesizeParams:
    """Search keys per step, and how imperfect the warm start's trajectories are (shares between 0 and 1)."""

    keys_per_step: int = number(4, at_least=1)
    validation_questions: int = number(200, at_least=1)  # the last ones of the training file, kept out of training
    key_depth: int = number(2, at_least=1)  # a key is kept if the support is among this many first results
    trajectories: int = number(4000, at_least=1)
    bare_query_share: float = share(0.7)
    retry_share: float = share(0.7)
    skipped_hop_share: float = share(0.03)
    repeated_search_share: float = share(0.05)


@dataclass
class WarmstartParams:
    """Supervised fine-tuning on the synthesised trajectories."""

    processes: int = number(1, at_least=1)  # data parallel on this machine; one a GPU if there are any
    epochs: float = number(3.0, at_least=0)
    batch_size: int = number(32, at_least=1)
    learning_rate: float = number(1e-3, above=0)
    warmup_ratio: float = share(0.05)
    weight_decay: float = number(0.01, at_least=0)
    max_grad_norm: float = number(1.0, above=0)


@dataclass
class TrainParams:
    """Step-wise PPO (Appendix B) or outcome-only PPO."""

    processes: int = number(1, at_least=1)  # data parallel on this machine; one a GPU if there are any
    algorithm: str = one_of("steppo", "steppo", "ppo")
    steps: int = number(100, at_least=1)
    questions_per_step: int = number(64, at_least=1)
    samples_per_question: int = number(1, at_least=1)
    minibatches: int = number(4, at_least=1)
    epochs: int = number(1, at_least=1)
    micro_batch_size: int = number(16, at_least=1)
    gradient_checkpointing: bool = False  # recompute activations: less memory, about a third more time
    learning_rate: float = number(2e-4, above=0)
    value_learning_rate: float = number(1e-3, above=0)
    critic_warmup_steps: int = number(3, at_least=0)
    clip_range: float = number(0.2, above=0)
    value_clip_range: float = number(0.5, above=0)
    kl_coefficient: float = number(0.01, at_least=0)
    entropy_coefficient: float = number(0.0, at_least=0)
    gamma: float = share(1.0)
    gae_lambda: float = share(1.0)
    max_grad_norm: float = number(1.0, above=0)
    zero_stage: int = number(0, at_least=0, at_most=3)
    checkpoint_every: int = number(20, at_least=1)
    validate_every: int = number(25, at_least=1)
    logged_trajectories: int = number(8, at_least=0)  # kept at every validation, for inspection


@dataclass
class EvaluateParams:
    """Which policies answer which benchmarks, on how many questions each (null: all)."""

    benchmarks: list[str] = one_of(BENCHMARKS, *BENCHMARKS)
    policies: list[str] = one_of(POLICIES, *POLICIES)
    questions: int | None = number(250, at_least=1)
    batch_size: int = number(125, at_least=1)
    bootstrap_samples: int = number(2000, at_least=1)
    confidence: float = number(0.95, above=0, at_most=0.9999)


@dataclass
class ReportParams:
    """What the report shows."""

    title: str = "StepSearch"
    case_studies: int = number(12, at_least=0)


@dataclass
class HardwareParams:
    """What `stepsearch plan` plans for; no stage reads it. GB are 10^9 bytes."""

    gpus: int = number(0, at_least=0)  # 0: training happens in main memory
    gpu_memory_gb: float = number(0.0, at_least=0)  # of each
    memory_gb: float = number(16.0, above=0)
    disk_gb: float = number(20.0, above=0)


@dataclass
class Params:
    """All of `params.yaml`."""

    profile: str = MISSING
    seed: int = number(0, at_least=0)
    model: ModelParams = field(default_factory=ModelParams)
    tokenizer: TokenizerParams = field(default_factory=TokenizerParams)
    environment: EnvironmentParams = field(default_factory=EnvironmentParams)
    rollout: RolloutParams = field(default_factory=RolloutParams)
    reward: RewardParams = field(default_factory=RewardParams)
    retrieval: RetrievalParams = field(default_factory=RetrievalParams)
    fetch: FetchParams = field(default_factory=FetchParams)
    corpus: CorpusParams = field(default_factory=CorpusParams)
    index: IndexParams = field(default_factory=IndexParams)
    synthesize: SynthesizeParams = field(default_factory=SynthesizeParams)
    warmstart: WarmstartParams = field(default_factory=WarmstartParams)
    train: TrainParams = field(default_factory=TrainParams)
    evaluate: EvaluateParams = field(default_factory=EvaluateParams)
    report: ReportParams = field(default_factory=ReportParams)
    hardware: HardwareParams = field(default_factory=HardwareParams)


@dataclass(frozen=True, slots=True)
class Rule:
    """What several parameters must satisfy together; `key` is the one that an error names."""

    key: str
    words: str
    holds: Callable[[Params], bool]


RULES = (
    Rule(
        "environment.max_turn_tokens",
        "with max_observation_tokens less than max_trajectory_tokens",
        lambda p: (
            p.environment.max_turn_tokens + p.environment.max_observation_tokens < p.environment.max_trajectory_tokens
        ),
    ),
    Rule(
        "environment.max_trajectory_tokens",
        "at most model.max_positions",
        lambda p: p.model.source is not None or p.environment.max_trajectory_tokens <= p.model.max_positions,
    ),
    Rule(
        "model.hidden_size",
        "a multiple of twice model.heads",  # rotary embeddings turn pairs of a head's dimensions
        lambda p: p.model.source is not None or p.model.hidden_size % (2 * p.model.heads) == 0,
    ),
    Rule(
        "model.heads",
        "a multiple of model.key_value_heads",
        lambda p: p.model.source is not None or p.model.heads % p.model.key_value_heads == 0,
    ),
    Rule(
        "tokenizer.kind",
        "possible without model.source, which would bring the tokenizer",
        lambda p: p.model.source is not None or p.tokenizer.kind != "pretrained",
    ),
    Rule(
        "evaluate.policies",
        "both warmstart and trained, which the report compares, and perhaps oracle",
        lambda p: {"warmstart", "trained"} <= set(p.evaluate.policies),
    ),
    Rule(
        "train.zero_stage",
        "at most 2: stage 3 shards the weights, which sampling needs whole",
        lambda p: p.train.zero_stage <= 2,
    ),
    Rule(
        "train.minibatches",
        "at most the trajectories of a step (questions_per_step * samples_per_question)",
        lambda p: p.train.minibatches <= p.train.questions_per_step * p.train.samples_per_question,
    ),
)


def load_params(path: Path | str = "params.yaml", overrides: list[str] | None = None) -> Params:
    """Read and validate a parameter file; `overrides` are `key.sub=value` strings laid over it.

    Raises:
        ParamsError: no such file, not YAML, an unknown key, a wrong type, a value outside its limits or a broken rule.
    """
    path = Path(path)
    try:
        params = _merged(path, overrides or [])
        problem = first_problem(params) or _broken_rule(params)
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file") from None
    except YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {_one_line(error)}") from None
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except RecursionError:
        raise ParamsError(f"{path}: nested too deeply") from None
    except OmegaConfBaseException as error:
        raise ParamsError(f"{path}: {_with_key(error)}") from None
    except (OSError, ValueError, TypeError, AttributeError) as error:  # OmegaConf on values that are no mapping
        raise ParamsError(f"{path}: {_one_line(error)}") from None
    if problem:
        raise ParamsError(f"{path}: {problem}")
    return params


def _merged(path: Path, overrides: list[str]) -> Params:
    config = OmegaConf.merge(OmegaConf.structured(Params), OmegaConf.load(path))
    params = OmegaConf.to_object(OmegaConf.merge(config, OmegaConf.from_dotlist(overrides)))
    assert isinstance(params, Params)
    return params


def _broken_rule(params: Params) -> str | None:
    """The first rule that does not hold, as an error message."""
    for rule in RULES:
        if not rule.holds(params):
            return f"{rule.key}: {attrgetter(rule.key)(params)!r} is not {rule.words}"
    return None


def _with_key(error: OmegaConfBaseException) -> str:
    """OmegaConf's message with the key that it is about, if it says so."""
    message, _, _ = str(error).partition("full_key:")  # what follows is for OmegaConf's own users
    key = getattr(error, "full_key", None)
    return f"{key}: {_one_line(message)}" if key else _one_line(message)


def _one_line(error: object) -> str:
    """A message of several lines as one, of bounded length."""
    return shorten(" ".join(str(error).split()), 300, placeholder=" ...")
