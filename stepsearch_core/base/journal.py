"""Files of JSON lines that grow by a line at a time, whatever ends the process that writes.

A line is the system's before `add` returns, so that no kill takes it, and on disk if asked for, so that
no loss of power does. Of the line that was being written then the beginning may be there: readers leave it
out, and the next line takes its place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from stepsearch_core.base.errors import DataError, naming_full_disk
from stepsearch_core.base.io import read_jsonl


class Journal:
    """A file to add lines to, which one process has open at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, which need not exist, nor its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a+b")
        _mend(self._file)

    def add(self, row: dict[str, Any], to_disk: bool = True) -> None:
        """Add a line.

        Args:
            row: what becomes a line.
            to_disk: wait until this line and all before it are there, some milliseconds on a busy machine.

        Raises:
            DiskFullError: no space is left.
        """
        with naming_full_disk(self._path):
            self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
            if to_disk:
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def append(path: Path, row: dict[str, Any]) -> None:
    """Add one line, on disk before this returns.

    Raises:
        DiskFullError: no space is left.
    """
    with closing(Journal(path)) as journal:
        journal.add(row)


def read_journal(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for every line but a last one that is not whole.

    Raises:
        DataError: the file is missing, or a line that is not the last one is damaged.
    """
    yield from read_jsonl(path, lambda error: _refuse_whole_lines(error, path))


def _refuse_whole_lines(error: DataError, path: Path) -> None:
    with path.open("rb") as file:
        ends = sum(line.endswith(b"\n") for line in file)
    if error.place != f"{path}, line {ends + 1}":
        raise error


def _mend(file: IO[bytes]) -> None:
    """Remove a last line that is not whole; one that an editor left without its end gets that."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return
    file.seek(end - 1)
    if file.read(1) == b"\n":
        return
    file.seek(0)
    begun = file.read().rpartition(b"\n")[2]
    try:
        json.loads(begun)
    except ValueError:
        file.truncate(end - len(begun))
    else:
        file.write(b"\n")
