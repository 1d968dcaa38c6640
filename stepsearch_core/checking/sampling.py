"""A few rows from all over a large file of JSON lines, without reading the rest."""

from __future__ import annotations

import json
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Passage
from stepsearch_core.data.account import Account
from stepsearch_core.data.corpus import read_passage
from stepsearch_core.data.row import Row

_COUNTED_BYTES = 1 << 26
"""Of a file up to this size lines are found exactly, of a larger one estimated."""


def sample_corpus_file(path: Path, count: int) -> list[Passage]:
    """About `count` passages of a corpus file; lines that cannot be read are left out.

    They are evenly spaced among the lines of a small file, among the bytes of a large one; there the line
    behind each place is read, so that long lines are no more likely than short ones.
    """
    passages = {}
    for line in _sample_lines(path, count):
        try:
            passage = read_passage(Row(str(path), json.loads(line)), Account(path))
        except (DataError, ValueError, TypeError, AttributeError, RecursionError):
            continue
        passages[passage.id] = passage
    return list(passages.values())


def _sample_lines(path: Path, count: int) -> list[bytes]:
    size = path.stat().st_size
    if size <= _COUNTED_BYTES:
        lines = path.read_bytes().splitlines()
        return lines[:: -(-len(lines) // count) or 1]
    found = []
    with path.open("rb") as file:
        for number in range(count):
            file.seek(size * number // count)
            file.readline()
            found.append(file.readline())
    return found


def count_lines(path: Path) -> int:
    """Lines of a file: exact for a small one, an estimate for a large one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        read = file.read(_COUNTED_BYTES)
    lines = read.count(b"\n")
    return lines if size <= len(read) else round(lines * size / max(1, len(read)))
