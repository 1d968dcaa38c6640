"""Checkpoints in progress: the last one of a training run, with the metrics so far, in the run's work folder.

Of several ranks the first holds the lock and does everything here but the checkpoint itself, which all write together.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from stepsearch_core.io import discard, naming_full_disk, read_jsonl, write_jsonl
from stepsearch_core.training.distributed import barrier, is_main
from stepsearch_core.work_folder import WorkFolder

_PREFIX = "step_"


class RunFolder(WorkFolder):
    """One training run's lock, metrics so far and last checkpoint."""

    activity = "training"

    def __enter__(self) -> Self:
        """Take the folder.

        Raises:
            DataError: another run trains in it.
        """
        if is_main():
            super().__enter__()
        barrier()
        return self

    def last_step(self) -> int:
        """The step of the last whole checkpoint, 0 without one."""
        return max((int(path.name.removeprefix(_PREFIX)) for path in self.path.glob(f"{_PREFIX}*")), default=0)

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.path / f"{_PREFIX}{step:06d}"

    def save(self, step: int, write: Callable[[Path], None], rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Write a checkpoint, whole or not at all; older ones go after it is in place. Called by every rank."""
        temporary = self.path / f".{_PREFIX}{step}"
        if is_main():
            shutil.rmtree(temporary, ignore_errors=True)
        barrier()
        with naming_full_disk(self.checkpoint(step)):
            write(temporary)
        barrier()
        if is_main():
            self._put_in_place(temporary, step, rows)
        barrier()

    def _put_in_place(self, temporary: Path, step: int, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        for name, values in rows.items():
            write_jsonl(temporary / f"{name}.jsonl", values)
        temporary.replace(self.checkpoint(step))
        for path in self.path.glob(f"{_PREFIX}*"):
            if path != self.checkpoint(step):
                discard(path)

    def rows(self, step: int, name: str) -> list[dict[str, Any]]:
        """What was saved under a name with the checkpoint of a step."""
        return [row for _, row in read_jsonl(self.checkpoint(step) / f"{name}.jsonl")]
