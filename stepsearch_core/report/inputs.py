"""Everything that the report shows, read from the stages' outputs and checked once.

What a stage writes is required and its absence is one clear error. How long stages took is none of it: the
page is an output of its stage, which two runs must write alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_json, read_jsonl, read_object
from stepsearch_core.params import GAIN, MEAN, NO_POLICIES, PAIRED
from stepsearch_core.report.trajectories import KeptTrajectory, read_kept
from stepsearch_core.rollout.records import QuestionRecord, read_records

BASELINE = "warmstart"
TRAINED = "trained"

Metrics = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""policy (or `gain`) -> benchmark (or `mean`) -> measure -> {value, low, high, n}; `paired` has a level
more, of pairs of policies.
"""

Provenance = dict[str, Any]
"""What `evaluation.provenance` says the metrics are of."""

PROVENANCE = {"benchmarks", "corpus", "policies", "code", "confidence", "remarks"}
OF_BENCHMARK = {
    *("source", "config", "split", "revision", "sha256", "rows", "questions"),
    *("in_training", "hop_in_training"),
}
OF_POLICY = {
    *("source", "revision", "protocol", "prompt", "retrieval", "passages_per_search"),
    *("max_searches", "changes"),
}
"""What is shown of it, of its benchmarks and of its policies."""

Records = dict[str, dict[str, dict[str, QuestionRecord]]]
"""policy -> benchmark -> question id -> record"""


@dataclass(frozen=True, slots=True)
class Training:
    """The outputs of the stages that make a policy."""

    log: list[dict[str, Any]]
    warmstart_log: list[dict[str, Any]]
    written_answers: dict[str, Any]
    synthesis_report: dict[str, Any]
    kept: Sequence[KeptTrajectory] = ()


@dataclass(frozen=True, slots=True)
class Inputs:
    """The outputs of all earlier stages; `training` is None where others' policies alone were evaluated."""

    metrics: Metrics
    provenance: Provenance | None
    records: Records
    index_report: dict[str, Any]
    fetch_manifest: dict[str, Any]
    training: Training | None


def read_inputs(data: Path, trained: bool = True) -> Inputs:
    """Read the folder of all stages' outputs; those of training only where something was trained.

    Raises:
        DataError: a required file is missing or damaged, or a record lacks a field.
    """
    metrics = read_metrics(data / "evaluate" / "metrics.json", compared=trained)
    return Inputs(
        metrics=metrics,
        provenance=read_provenance(data / "evaluate" / "evaluated.json"),
        records=_read_records(data / "evaluate" / "records", metrics),
        index_report=read_json(data / "index" / "report.json"),
        fetch_manifest=read_json(data / "fetch" / "manifest.json"),
        training=_read_training(data) if trained else None,
    )


def _read_training(data: Path) -> Training:
    return Training(
        log=_read_log(data / "train" / "metrics.jsonl"),
        warmstart_log=_read_log(data / "warmstart" / "metrics.jsonl"),
        written_answers=read_object(data / "warmstart" / "answers.json"),
        synthesis_report=read_json(data / "synthesize" / "report.json"),
        kept=read_kept(data / "train" / "trajectories.jsonl"),
    )


def read_metrics(path: Path, compared: bool = True) -> Metrics:
    """Read `data/evaluate/metrics.json`.

    Args:
        path: the file.
        compared: whether it has to hold warm start, trained policy and their gain; else any policy will do.

    Raises:
        DataError: it is missing, a policy is missing, or a measure is not `{value, low, high, n}`.
    """
    metrics: Metrics = read_object(path)
    for name, benchmarks in metrics.items():
        if not isinstance(benchmarks, dict) or not all(
            isinstance(cells, dict) for cells in benchmarks.values()
        ):
            raise DataError("expected an object of objects", path, field=name)
    for name in (BASELINE, TRAINED, GAIN) if compared else ():
        if MEAN not in metrics.get(name, {}):
            raise DataError(
                f"missing; the report compares {BASELINE} and {TRAINED}", path, field=f"{name}.{MEAN}"
            )
    for policy in (name for name in metrics if name == GAIN or name not in NO_POLICIES):
        _check_cells(metrics[policy], ("value", "low", "high", "n"), path, policy)
    for pair, columns in metrics.get(PAIRED, {}).items():
        _check_cells(columns, ("value", "low", "high", "n", "p", "p_holm"), path, f"{PAIRED}.{pair}")
    return metrics


def read_provenance(path: Path) -> Provenance | None:
    """What `data/evaluate/evaluated.json` says the metrics are of; None of earlier versions, or without it.

    Raises:
        DataError: the file is damaged, or lacks something that is shown.
    """
    found: Provenance | None = read_object(path).get("provenance") if path.is_file() else None
    if found is None:
        return None
    parts = {"provenance": (found, PROVENANCE)}
    if found.keys() >= PROVENANCE:
        parts |= {
            f"provenance.benchmarks.{name}": (of, OF_BENCHMARK) for name, of in found["benchmarks"].items()
        }
        parts |= {f"provenance.policies.{name}": (of, OF_POLICY) for name, of in found["policies"].items()}
    for place, (value, fields) in parts.items():
        if missing := sorted(fields - value.keys()):
            problem = f"{', '.join(missing)} missing: evaluate again (`dvc repro evaluate`)"
            raise DataError(problem, path, field=place)
    return found


def _check_cells(columns: dict[str, dict[str, Any]], fields: Sequence[str], path: Path, name: str) -> None:
    for column, values in columns.items():
        for key, cell in values.items():
            if not isinstance(cell, dict) or not set(fields) <= cell.keys():
                problem = f"expected an object with {', '.join(fields[:-1])} and {fields[-1]}"
                raise DataError(problem, path, field=f"{name}.{column}.{key}")


def policies_of(metrics: Metrics) -> list[str]:
    """The policies measured, in the order of the file."""
    return [name for name in metrics if name not in NO_POLICIES]


def benchmarks_of(metrics: Metrics) -> list[str]:
    """The benchmarks measured, in the order of the file, without the mean."""
    return [name for name in metrics[policies_of(metrics)[0]] if name != MEAN]


def _read_records(folder: Path, metrics: Metrics) -> Records:
    return {
        policy: {
            benchmark: _read_all(folder / policy / f"{benchmark}.jsonl", count)
            for benchmark in metrics[policy]
            if benchmark != MEAN and (count := metrics[policy][benchmark]["f1"]["n"])
        }
        for policy in policies_of(metrics)
    }


def _read_all(path: Path, count: int) -> dict[str, QuestionRecord]:
    records = read_records(path)
    if len(records) != count:
        raise DataError(f"{len(records)} records, but metrics.json is of {count}", path)
    return records


def _read_log(path: Path) -> list[dict[str, Any]]:
    rows = []
    for line, row in read_jsonl(path):
        if "step" not in row:
            raise DataError("missing", path, line, "step")
        rows.append(row)
    return rows


def read_timings(folder: Path) -> dict[str, dict[str, float]]:
    """Stage -> part -> seconds, of the stages that have run here; speeds (mappings) are left out."""
    read = {path.stem: read_object(path) for path in sorted(folder.glob("*.json"))}
    return {
        stage: {part: seconds for part, seconds in parts.items() if not isinstance(seconds, dict)}
        for stage, parts in read.items()
    }
