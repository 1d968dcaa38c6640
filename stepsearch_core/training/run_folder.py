"""Checkpoints in progress: a folder named by what made it, outside of the stages' outputs.

DVC deletes a stage's outputs before it runs it, so a restart could find nothing there. The folder's name is a hash of
parameters and inputs: a restart finds its own checkpoint, and a changed parameter never resumes another's run. A file
lock, which the system releases when the process dies however it dies, keeps two trainers apart.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stepsearch_core.io import DataError, read_jsonl, sha256_file, sha256_json, write_jsonl

_PREFIX = "step_"


class RunFolder:
    """One training run's lock, metrics so far and last checkpoint."""

    def __init__(self, root: Path, parameters: Mapping[str, Any], inputs: Sequence[Path]) -> None:
        files = [file for path in inputs for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
        made_by = {"parameters": parameters, "inputs": [sha256_file(file) for file in files if file.is_file()]}
        self.path = root / sha256_json(made_by)[:16]
        self._lock = FileLock(self.path / "lock")

    def __enter__(self) -> RunFolder:
        """Take the folder.

        Raises:
            DataError: another process trains in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        owner = self.path / "pid"
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            pid = owner.read_text() if owner.is_file() else "unknown"
            raise DataError(f"process {pid} is training here; wait for it or end it", self.path) from None
        owner.write_text(str(os.getpid()))
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def last_step(self) -> int:
        """The step of the last whole checkpoint, 0 without one."""
        return max((int(path.name.removeprefix(_PREFIX)) for path in self.path.glob(f"{_PREFIX}*")), default=0)

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.path / f"{_PREFIX}{step:06d}"

    def save(self, step: int, write: Callable[[Path], None], rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Write a checkpoint, whole or not at all; older ones go after it is in place."""
        temporary = self.path / f".{_PREFIX}{step}"
        shutil.rmtree(temporary, ignore_errors=True)
        write(temporary)
        for name, values in rows.items():
            write_jsonl(temporary / f"{name}.jsonl", values)
        temporary.replace(self.checkpoint(step))
        for path in self.path.glob(f"{_PREFIX}*"):
            if path != self.checkpoint(step):
                shutil.rmtree(path)

    def rows(self, step: int, name: str) -> list[dict[str, Any]]:
        """What was saved under a name with the checkpoint of a step."""
        return [row for _, row in read_jsonl(self.checkpoint(step) / f"{name}.jsonl")]

    def clear(self) -> None:
        """Remove the checkpoints of a run whose outputs are written, so that changed code never finds them."""
        for path in self.path.glob(f"{_PREFIX}*"):
            shutil.rmtree(path)
