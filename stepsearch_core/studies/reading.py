"""What a run left: its log, the records of what it answered, its seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepsearch_core.base.io import read_jsonl


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's training log.

    Args:
        folder: of the run's results.

    Raises:
        DataError: the file is missing or damaged.
    """
    return [row for _, row in read_jsonl(folder / "data" / "train" / "metrics.jsonl")]
