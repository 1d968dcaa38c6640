"""A work folder of several ranks: the first holds the lock for all, and all find there what it writes."""

from __future__ import annotations

from typing import Self

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.ranks import is_main
from stepsearch_core.learning.distributed import barrier, gather
from stepsearch_core.runtime.work_folder import OWNER, WorkFolder


class SharedFolder(WorkFolder):
    """Entered by every rank."""

    def __enter__(self) -> Self:
        """Take the folder.

        Raises:
            DataError: another run works in it, or not all ranks have this folder in common.
        """
        if is_main():
            super().__enter__()
        barrier()
        owner = self.path / OWNER
        seen = gather([owner.read_text() if owner.is_file() else None])
        blind = [rank for rank, read in enumerate(seen) if read != seen[0]]
        if blind:
            problem = f"rank {blind[0]} does not find here what the first rank has written:"
            raise DataError(f"{problem} machines that work together have one checkout in common", self.path)
        return self
