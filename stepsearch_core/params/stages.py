"""The sections of single stages but for training's, and what `stepsearch plan` plans for."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from stepsearch_core.base.limits import number, one_of, share
from stepsearch_core.params.shared import METHODS

BENCHMARKS = ("musique", "hotpotqa", "2wikimultihopqa", "bamboogle")
POLICIES = ("warmstart", "trained", "oracle")


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
    """A split of a dataset: a directory below `fetch.folder`, or a name of the hub with its revision."""

    name: str = MISSING
    config: str | None = None
    split: str = MISSING
    revision: str | None = None


@dataclass
class FetchParams:
    """Where benchmarks come from: the generated world, `files` (by name) in `folder`, or `datasets`."""

    source: str = one_of("world", "world", "files", "datasets")
    folder: str = (
        "stepsearch_core/worlds"  # a DVC dependency: generator code, or the folder of files or datasets
    )
    files: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, DatasetParams] = field(default_factory=dict)
    max_dropped_rows: int = number(0, at_least=0)  # of each file: rows that cannot be read; they are listed
    world: WorldParams = field(default_factory=WorldParams)


@dataclass
class CorpusParams:
    """Which passages are indexed: the fetched corpus file, the benchmarks' own paragraphs, or both."""

    include_benchmarks: bool = True


@dataclass
class IndexParams:
    """Which retrieval methods the report measures, on how many questions a benchmark at most (null: all)."""

    measured_methods: list[str] = one_of(METHODS, *METHODS)
    measured_depths: list[int] = number([2, 3, 10], at_least=1)
    measured_questions: int | None = number(600, at_least=1)  # null: all


@dataclass
class SynthesizeParams:
    """Search keys per hop, and how imperfect the warm start's trajectories are (shares between 0 and 1)."""

    keys_per_hop: int = number(4, at_least=1)
    validation_questions: int = number(
        200, at_least=1
    )  # the last ones of the training file, kept out of training
    key_depth: int = number(2, at_least=1)  # a key is kept if the support is among this many first results
    trajectories: int = number(4000, at_least=1)
    bare_query_share: float = share(0.7)
    retry_share: float = share(0.7)
    skipped_hop_share: float = share(0.03)
    repeated_search_share: float = share(0.05)


@dataclass
class EvaluateParams:
    """Which policies answer which benchmarks, on how many questions each (null: all)."""

    benchmarks: list[str] = one_of(BENCHMARKS, *BENCHMARKS)
    policies: list[str] = one_of(POLICIES, *POLICIES)
    questions: int | None = number(250, at_least=1)
    f1: str = one_of("paper", "paper", "hotpotqa")
    samples: int | None = number(
        None, at_least=1
    )  # of each question, at rollout.temperature; null: one, greedy
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
