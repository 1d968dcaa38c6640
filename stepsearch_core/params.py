"""The one schema of `params.yaml`: OmegaConf structured configs, a section for each stage and for what stages share.

`load_params` merges a file onto the schema, so an unknown key or a wrong type is an error that names it. Every field
has a default except those that a profile must decide; the profiles in `conf/` state all of them, with comments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

BENCHMARKS = ("musique", "hotpotqa", "2wikimultihopqa", "bamboogle")


class ParamsError(ValueError):
    """A parameter file that does not fit the schema; the message names file and key."""


@dataclass
class ModelParams:
    """A Hugging Face causal model by name or path, or (`source: null`) a random Qwen3 of the given shape."""

    source: str | None = None
    hidden_size: int = 128
    layers: int = 3
    heads: int = 4
    key_value_heads: int = 2
    intermediate_size: int = 384
    max_positions: int = 1024
    dtype: str = "float32"  # float32 | bfloat16


@dataclass
class TokenizerParams:
    """`word` and `bpe` are trained on training text; `pretrained` comes with `model.source`."""

    kind: str = "word"
    vocab_size: int = 2048


@dataclass
class EnvironmentParams:
    """The episode: prompt, limits (in tokens unless said otherwise) and how passages are shown."""

    prompt: str = "minimal"  # minimal | paper
    chat_template: bool = False
    max_searches: int = 5
    passages_per_search: int = 2
    max_turn_tokens: int = 32
    max_observation_tokens: int = 96
    max_trajectory_tokens: int = 512


@dataclass
class RolloutParams:
    """How trajectories are sampled."""

    engine: str = "transformers"
    batch_size: int = 64
    temperature: float = 1.0


@dataclass
class RewardParams:
    """Weights on the paper's terms; eq. 6 leaves gamma_key open and eq. 7 has both step weights at 1."""

    preset: str = "paper"
    answer_weight: float = 1.0
    search_key_weight: float = 0.618
    information_gain_weight: float = 1.0
    redundancy_weight: float = 0.2


@dataclass
class RetrievalParams:
    """`bm25`, `dense`, or `hybrid` (reciprocal rank fusion of both)."""

    method: str = "bm25"
    bm25_k1: float = 1.5
    bm25_b: float = 0.75
    stopwords: str | None = None  # a bm25s stop-word list such as "en", or null
    encoder: str = "hashing"  # "hashing" (TF-IDF, randomly projected), or a sentence-transformers/transformers name
    dimensions: int = 1024
    index_factory: str = "Flat"
    fusion_constant: int = 60


@dataclass
class WorldParams:
    """Size of the generated world (`fetch.source: world`)."""

    seed: int = 7
    people: int = 320
    works: int = 320
    organisations: int = 120
    cities: int = 90
    countries: int = 24
    train_questions: int = 4200
    test_questions: int = 250


@dataclass
class FetchParams:
    """Where benchmarks come from: the generated world, or `files` (name -> file name) inside `folder`."""

    source: str = "world"  # world | files
    folder: str = "stepsearch_core/worlds"  # a DVC dependency: generator code, or the folder of the files
    files: dict[str, str] = field(default_factory=dict)
    world: WorldParams = field(default_factory=WorldParams)


@dataclass
class CorpusParams:
    """Which passages are indexed: the fetched corpus file, the benchmarks' own paragraphs, or both."""

    include_benchmarks: bool = True


@dataclass
class IndexParams:
    """Which retrieval methods the report measures, on how many questions of each benchmark at most (null: all)."""

    measured_methods: list[str] = field(default_factory=lambda: ["bm25", "dense", "hybrid"])
    measured_depths: list[int] = field(default_factory=lambda: [2, 3, 10])
    measured_questions: int | None = 600  # null: all


@dataclass
class SynthesizeParams:
    """Search keys per step, and how imperfect the warm start's trajectories are (shares between 0 and 1)."""

    keys_per_step: int = 4
    validation_questions: int = 200  # the last ones of the training file, kept out of training
    key_depth: int = 2  # a key is kept if the support is among this many first results
    trajectories: int = 4000
    bare_query_share: float = 0.7
    retry_share: float = 0.7
    skipped_hop_share: float = 0.03
    repeated_search_share: float = 0.05


@dataclass
class WarmstartParams:
    """Supervised fine-tuning on the synthesised trajectories."""

    epochs: float = 3.0
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup_ratio: float = 0.05
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0


@dataclass
class TrainParams:
    """Step-wise PPO (Appendix B) or outcome-only PPO."""

    algorithm: str = "steppo"  # steppo | ppo
    steps: int = 100
    questions_per_step: int = 64
    samples_per_question: int = 1
    minibatches: int = 4
    epochs: int = 1
    micro_batch_size: int = 16
    learning_rate: float = 2e-4
    value_learning_rate: float = 1e-3
    critic_warmup_steps: int = 3
    clip_range: float = 0.2
    value_clip_range: float = 0.5
    kl_coefficient: float = 0.01
    entropy_coefficient: float = 0.0
    gamma: float = 1.0
    gae_lambda: float = 1.0
    max_grad_norm: float = 1.0
    zero_stage: int = 0
    checkpoint_every: int = 20
    validate_every: int = 25
    logged_trajectories: int = 8  # kept at every validation, for inspection


@dataclass
class EvaluateParams:
    """Which policies answer which benchmarks, on how many questions each (null: all)."""

    benchmarks: list[str] = field(default_factory=lambda: list(BENCHMARKS))
    policies: list[str] = field(default_factory=lambda: ["warmstart", "trained", "oracle"])
    questions: int | None = 250
    batch_size: int = 125
    bootstrap_samples: int = 2000
    confidence: float = 0.95


@dataclass
class ReportParams:
    """What the report shows."""

    title: str = "StepSearch"
    case_studies: int = 12


@dataclass
class Params:
    """All of `params.yaml`."""

    profile: str = MISSING
    seed: int = 0
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


CHOICES: dict[str, tuple[str, ...]] = {
    "model.dtype": ("float32", "bfloat16"),
    "tokenizer.kind": ("word", "bpe", "pretrained"),
    "environment.prompt": ("minimal", "paper"),
    "rollout.engine": ("transformers",),
    "reward.preset": ("paper",),
    "retrieval.method": ("bm25", "dense", "hybrid"),
    "fetch.source": ("world", "files"),
    "train.algorithm": ("steppo", "ppo"),
}


def load_params(path: Path | str = "params.yaml", overrides: list[str] | None = None) -> Params:
    """Read and validate a parameter file; `overrides` are `key.sub=value` strings laid over it.

    Raises:
        ParamsError: no such file, not YAML, an unknown key, a wrong type, a value outside its choices.
    """
    path = Path(path)
    try:
        config = OmegaConf.merge(OmegaConf.structured(Params), OmegaConf.load(path))
        config = OmegaConf.merge(config, OmegaConf.from_dotlist(overrides or []))
        params = OmegaConf.to_object(config)
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file") from None
    except (OmegaConfBaseException, ValueError) as error:
        raise ParamsError(f"{path}: {_first_line(error)}") from None
    except Exception as error:  # PyYAML's errors share no base class with the others
        if type(error).__module__.startswith("yaml"):
            raise ParamsError(f"{path}: not YAML: {error}") from None
        raise
    assert isinstance(params, Params)
    _check_choices(path, params)
    return params


def section(params: Params, key: str) -> Any:
    """The value at a dotted key, `train.steps` say."""
    value: Any = params
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _check_choices(path: Path, params: Params) -> None:
    for key, choices in CHOICES.items():
        value = section(params, key)
        if value not in choices:
            raise ParamsError(f"{path}: {key}: {value!r} is not one of {', '.join(choices)}")
    unknown = set(params.evaluate.benchmarks) - set(BENCHMARKS)
    if unknown:
        raise ParamsError(f"{path}: evaluate.benchmarks: unknown {sorted(unknown)}; known: {', '.join(BENCHMARKS)}")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    keys = [line for line in lines if line.startswith("full_key:")]
    return " ".join(lines[:1] + keys[:1])
