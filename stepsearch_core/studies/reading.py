"""What a run left, read again: its training log, the records of what was answered, its seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepsearch_core.base.io import read_jsonl, read_object
from stepsearch_core.report.inputs import BASELINE, TRAINED
from stepsearch_core.rollout.records import QuestionRecord, read_records
from stepsearch_core.studies.outcomes import Outcome
from stepsearch_core.studies.runs import Run


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's training log.

    Args:
        folder: of the run's results.

    Raises:
        DataError: the file is missing or damaged.
    """
    return [row for _, row in read_jsonl(folder / "data" / "train" / "metrics.jsonl")]


def read_outcome(run: Run, folder: Path) -> Outcome:
    """What a run came to, by its results.

    Raises:
        DataError: a file is missing or damaged.
    """
    timings = folder / "data" / "timings" / "train.json"
    return Outcome(
        setting=run.setting,
        variant=run.variant,
        replicate=run.replicate,
        label=run.where,
        log=read_log(folder),
        records=_records(folder, TRAINED, run),
        before=_records(folder, BASELINE, run),
        trajectories_per_step=run.trajectories_per_step,
        seconds=sum(read_object(timings).values()) if timings.is_file() else None,
    )


def _records(folder: Path, policy: str, run: Run) -> dict[str, dict[str, QuestionRecord]]:
    """Benchmark -> question -> record of one policy."""
    asked = folder / "data" / "evaluate" / "records" / policy
    return {name: read_records(asked / f"{name}.jsonl") for name in run.params.evaluate.benchmarks}
