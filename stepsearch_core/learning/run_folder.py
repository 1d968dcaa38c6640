"""Checkpoints in progress: the last of a warm start or a training run, with its metrics so far.

Of several ranks the first does everything here but what takes long: all write the checkpoint together, and
each hashes and reads back its share of the files. So machines need the folder in common. A checkpoint holds
the SHA-256 of its files as they were written; older ones go only after it has been read back.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from stepsearch_core.base.errors import DataError, naming_full_disk
from stepsearch_core.base.hashes import sha256_file
from stepsearch_core.base.io import (
    discard,
    give_usual_modes,
    read_jsonl,
    read_object,
    write_json,
    write_jsonl,
)
from stepsearch_core.base.ranks import is_main
from stepsearch_core.learning.distributed import barrier, gather, own_items
from stepsearch_core.learning.shared_folder import SharedFolder

Item = TypeVar("Item")
_PREFIX = "step_"
_MANIFEST = "manifest.json"


class RunFolder(SharedFolder):
    """One run's lock, metrics so far and last checkpoint; a step of the warm start is a batch."""

    activity = "training"

    def last_step(self) -> int:
        """The step of the last checkpoint that reads back as it was written, or 0. Called by every rank.

        Raises:
            DataError: there are checkpoints, but none is whole.
        """
        return self._last_whole_step()

    def last_before(self, step: int) -> int:
        """The step of the last checkpoint before a step, 0 without one."""
        return max((own for own in self._steps() if own < step), default=0)

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.path / f"{_PREFIX}{step:06d}"

    def save(
        self,
        step: int,
        write: Callable[[Path], None],
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        keep_before: Iterable[int] = (),
    ) -> None:
        """Write a checkpoint, whole or not at all; older ones go once it reads back. Called by every rank.

        Args:
            step: of the run.
            write: makes a folder with the checkpoint.
            rows: kept with it, by name.
            keep_before: steps; the last checkpoint before each of them stays.

        Raises:
            DataError: it does not read back as it was written; older ones are still there.
            DiskFullError: no space is left; as above.
        """
        temporary = self.path / f".{_PREFIX}{step}"
        if is_main():
            shutil.rmtree(temporary, ignore_errors=True)
        barrier()
        with naming_full_disk(self.checkpoint(step)):
            write(temporary)
        barrier()
        with naming_full_disk(self.checkpoint(step), temporary):
            self._put_in_place(temporary, step, rows)
        self._read_back(step)
        if is_main():
            stay = {step, *map(self.last_before, keep_before)}
            for old in set(self._steps()) - stay:
                discard(self.checkpoint(old))
        barrier()

    def rows(self, step: int, name: str) -> list[dict[str, Any]]:
        """What was saved under a name with the checkpoint of a step."""
        return [row for _, row in read_jsonl(self.checkpoint(step) / f"{name}.jsonl")]

    def _steps(self) -> list[int]:
        return [int(path.name.removeprefix(_PREFIX)) for path in self.path.glob(f"{_PREFIX}*")]

    def _put_in_place(
        self, temporary: Path, step: int, rows: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> None:
        if is_main():
            for name, values in rows.items():
                write_jsonl(temporary / f"{name}.jsonl", values)
        barrier()
        files = sorted(path for path in temporary.rglob("*") if path.is_file())
        names = [path.relative_to(temporary).as_posix() for path in files]
        hashes = gather(_each(_sha256_written, files[own_items()]))
        if is_main():
            write_json(temporary / _MANIFEST, dict(zip(names, hashes, strict=True)))
            if self.checkpoint(step).exists():  # damaged: the run went on from an older one
                discard(self.checkpoint(step))
            give_usual_modes(temporary)
            temporary.replace(self.checkpoint(step))
        barrier()

    def _read_back(self, step: int) -> None:
        """Compare a checkpoint with its manifest, and parse its rows; each rank its share, all raise alike.

        Raises:
            DataError: a file is missing, cannot be read, or is not what was written.
        """
        expected = read_object(self.checkpoint(step) / _MANIFEST)
        written = {self.checkpoint(step) / name: digest for name, digest in expected.items()}
        for error in gather(_each(lambda file: _damage(file, written[file]), list(written)[own_items()])):
            if error is not None:
                raise error

    def _last_whole_step(self) -> int:
        damaged: list[DataError] = []
        for step in sorted(self._steps(), reverse=True):
            try:
                self._read_back(step)
            except DataError as error:
                damaged.append(error)
                continue
            for found in damaged if is_main() else ():
                logging.getLogger("checkpoints").warning("%s; going back to step %d", found, step)
            return step
        if damaged:
            raise DataError(
                f"no whole checkpoint ({damaged[0]}); remove the folder to train anew", self.path
            )
        return 0


def _each(function: Callable[[Path], Item], files: Sequence[Path]) -> list[Item]:
    """In threads: hashing and reading let go of the interpreter."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, files))


def _sha256_written(file: Path) -> str:
    """SHA-256 of a file just written, which then is on disk and not in memory: readers ask the disk.

    Raises:
        OSError: it could not be brought to the disk.
    """
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        os.fsync(opened.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return digest


def _damage(file: Path, written: str) -> DataError | None:
    """What is wrong with a file of which this was the SHA-256 when it was written; None if nothing is."""
    try:
        if sha256_file(file) != written:
            return DataError("damaged: its SHA-256 is not that of what was written", file)
        if file.suffix == ".jsonl":
            list(read_jsonl(file))
    except OSError as error:
        return DataError(f"cannot be read: {error.strerror}", file)
    except DataError as error:
        return error
    return None
