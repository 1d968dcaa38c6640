"""Work in progress: a folder named by what makes it, outside of the stages' outputs.

DVC deletes a stage's outputs before it runs it, so a restart could find nothing there. The folder's name is
a hash of parameters and inputs: a restart finds its own parts, and a changed parameter never goes on with
another's. A file lock, which the system releases when the process dies however it dies, keeps two processes
apart.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_files, sha256_json
from stepsearch_core.base.io import discard

ROOT = Path("checkpoints")
"""Where stages keep them."""
OWNER = "pid"
"""The file in a folder that says who works in it: a process and its machine."""
_OWN = ("lock", OWNER)


class WorkFolder:
    """A lock, and whatever parts its user writes to `path`, each whole or not at all."""

    activity = "working"

    def __init__(self, root: Path, parameters: Mapping[str, Any], inputs: Sequence[Path]) -> None:
        """Name the folder by parameters (plain values) and the content of inputs (files, whole folders).

        Raises:
            DataError: an input is missing.
        """
        made_by = {"parameters": parameters, "inputs": sha256_files(inputs)}
        self.path = root / sha256_json(made_by)[:16]
        self._lock = FileLock(self.path / "lock")

    def __enter__(self) -> Self:
        """Take the folder.

        Raises:
            DataError: another process works in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        owner = self.path / OWNER
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            who = owner.read_text() if owner.is_file() else "unknown"
            raise DataError(
                f"process {who} is {self.activity} here; wait for it or end it", self.path
            ) from None
        owner.write_text(f"{os.getpid()} on {socket.gethostname()}")
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def clear(self) -> None:
        """Remove the parts of work whose outputs are written, so that changed code never finds them."""
        for path in list(self.path.iterdir()):
            if path.name not in _OWN:
                discard(path)
