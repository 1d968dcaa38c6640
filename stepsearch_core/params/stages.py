"""The sections of single stages but for training's, and what `stepsearch plan` plans for."""

from __future__ import annotations

from dataclasses import dataclass, field

from stepsearch_core.base.limits import anything, number, one_of, share
from stepsearch_core.params.cards import CARDS
from stepsearch_core.params.defaults import section
from stepsearch_core.params.published import BENCHMARKS, SOURCES, Source
from stepsearch_core.params.shared import KEY_SOURCES, METHODS

STAGES = ("fetch", "corpus", "index", "synthesize", "warmstart", "train", "evaluate", "report")
"""In their order; each writes `data/NAME`."""
LOOKED_AT = STAGES[:-1]
"""Those before which `stepsearch check` looks at everything: in front of, or in, the long work."""
TRAINABLE = ("musique", "hotpotqa", "2wikimultihopqa", "qa")
"""Formats of training questions; `qa` are questions and answers of one's own, with steps or without."""
TRAINING_FILES = tuple(f"{name}_train" for name in TRAINABLE)
"""Their keys in `fetch.files`."""
CEILINGS = ("gold_questions", "gold_keys")
"""Policies without a model, which ask gold queries (`evaluation/ceilings.py`)."""
POLICIES = ("warmstart", "trained", *CEILINGS)
GAIN, MEAN, PAIRED = NO_POLICIES = ("gain", "mean", "paired")
"""What else has a name of its own in `metrics.json`."""
CONTAMINATION = "contamination"
"""The remark in `evaluated.json` on questions that were trained on; it is of `POLICIES` alone."""


@section("fetch.world")
class WorldParams:
    """Size of the generated world (`fetch.source: world`)."""

    seed: int = number(at_least=0)
    people: int = number(at_least=1)
    works: int = number(at_least=1)
    organisations: int = number(at_least=1)
    cities: int = number(at_least=1)
    countries: int = number(at_least=1)
    train_questions: int = number(at_least=1)
    test_questions: int = number(at_least=1)
    hop_shares: list[float] = share()


@dataclass
class DatasetParams:
    """A split of a dataset: a directory below `fetch.folder`, or a name of the hub with its revision.

    Without a name it is what is published under its key (`params/published.py`).
    """

    name: str | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None


@section("fetch")
class FetchParams:
    """Where benchmarks come from: the generated world, `files` (by name) in `folder`, or `datasets`.

    `fetching/training_share.py` says which questions `training_share` moves.
    """

    source: str = one_of("world", "files", "datasets")
    folder: str = anything()
    files: dict[str, str] = anything()
    datasets: dict[str, DatasetParams] = anything()
    max_dropped_rows: int = number(at_least=0)
    training_share: float = share()
    world: WorldParams = field(default_factory=WorldParams)

    @property
    def sources(self) -> dict[str, Source]:
        """What each key of `datasets` stands for; `RULES` see to it that it stands for something."""
        return {
            key: Source(named.name, named.config, named.split, named.revision)
            if named.name and named.split
            else SOURCES[key]
            for key, named in self.datasets.items()
        }


@section("corpus")
class CorpusParams:
    """Which passages are indexed: the corpus file's, those cut from documents, the benchmarks' own.

    `benchmarks/gold_matching.py` has the rule by which gold passages are known among them.
    """

    include_benchmarks: bool = anything()
    passage_words: int = number(at_least=1)
    passage_overlap: int = number(at_least=0)
    gold_overlap: float = number(above=0, at_most=1)
    add_missing_gold: bool = anything()


@section("index")
class IndexParams:
    """How the dense index is made, and which methods the report measures, on how many questions.

    `ready_made` is somebody else's FAISS file: vectors of the passages of the fetched corpus file, in its
    order, by `retrieval.encoder`. It is checked and stays where it is; DVC does not watch it.
    """

    processes: int = number(at_least=1)
    ready_made: str | None = anything()
    measured_methods: list[str] = one_of(*METHODS)
    measured_depths: list[int] = number(at_least=1)
    measured_questions: int | None = number(at_least=1)


@section("synthesize")
class SynthesizeParams:
    """Steps and search keys, and how imperfect the warm start's trajectories are (shares between 0 and 1).

    DVC does not watch the folder `prompts`: after a change in it, `dvc repro synthesize --force`.
    """

    generator: str = one_of("rules", "endpoint")
    generator_model: str | None = anything()
    prompts: str | None = anything()
    decompose: bool = anything()
    linked_pairs: int = number(at_least=0)
    keep_bare: bool = anything()
    candidates_per_hop: int = number(at_least=1)
    sources: list[str] = one_of(*KEY_SOURCES)
    keys_per_hop: int = number(at_least=1)
    validation_questions: int = number(at_least=1)
    key_depth: int = number(at_least=1)
    trajectories: int = number(at_least=1)
    bare_query_share: float = share()
    retry_share: float = share()
    skipped_hop_share: float = share()
    repeated_search_share: float = share()

    @property
    def asks(self) -> bool:
        """Whether the model `generator_model` is asked for anything."""
        return self.generator == "endpoint" or self.decompose or self.linked_pairs > 0


@dataclass
class PolicyParams:
    """A policy that no stage made: a folder, or a name of the hub at a revision; null: `model.source`.

    `changes` are overrides of what it is asked with: of the sections environment, retrieval and rollout.
    """

    source: str | None = None
    revision: str | None = None
    changes: list[str] = field(default_factory=list)


@section("evaluate")
class EvaluateParams:
    """Which policies answer which benchmarks, on how many questions each (null: all).

    `policies` are names of `POLICIES` and of `others`; without the former nothing need be trained, and the
    stage may come after `index`.
    """

    processes: int = number(at_least=1)
    after: str = one_of("train", "index")
    benchmarks: list[str] = one_of(*BENCHMARKS)
    policies: list[str] = anything()
    others: dict[str, PolicyParams] = anything()
    questions: int | None = number(at_least=1)
    f1: str = one_of("paper", "hotpotqa")
    samples: int | None = number(at_least=1)
    batch_size: int = number(at_least=1)
    bootstrap_samples: int = number(at_least=1)
    confidence: float = number(above=0, at_most=0.9999)


@section("report")
class ReportParams:
    """What the report shows."""

    title: str = anything()
    case_studies: int = number(at_least=0)
    trajectories_mb: float = number(at_least=0)


@section("hardware")
class HardwareParams:
    """What `stepsearch plan` plans for; no stage reads it. GB are 10^9 bytes."""

    machines: int = number(at_least=1)
    gpus: int = number(at_least=0)
    gpu: str | None = one_of(*CARDS)
    gpu_memory_gb: float = number(at_least=0)
    memory_gb: float = number(above=0)
    disk_gb: float = number(above=0)
