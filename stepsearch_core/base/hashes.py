"""Hashes of contents: they tell files, folders and values apart, and name what was made by them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError

_SAMPLES, _SAMPLE_BYTES = 16, 1 << 20
"""Of a large file."""


def sha256_file(path: Path | str) -> str:
    """Hex SHA-256 of a file's bytes, read in chunks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_files(paths: Iterable[Path]) -> dict[str, str]:
    """Hex SHA-256 of each of these files, and of each file below these folders, by its path.

    What Python caches beside code does not count. A file that this process has hashed already and that has
    kept its size and times is not read again.

    Raises:
        DataError: one of the paths is missing.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DataError("no such file or folder", path)
        files += [path] if path.is_file() else sorted(path.rglob("*"))
    files = [file for file in files if file.is_file() and "__pycache__" not in file.parts]
    with ThreadPoolExecutor() as pool:  # hashing lets go of the interpreter
        return dict(zip(map(str, files), pool.map(_sha256_unchanged, files), strict=True))


def _sha256_unchanged(file: Path) -> str:
    stat = file.stat()
    return _sha256_at(file.absolute(), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@cache
def _sha256_at(file: Path, *_state: int) -> str:
    return sha256_file(file)


def sha256_samples(path: Path | str) -> str:
    """Hex SHA-256 of a file's size and of megabytes spread over it, first and last among them.

    It tells files apart that are too large to be read whole whenever they are opened.
    """
    path = Path(path)
    size = path.stat().st_size
    hashed = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek(max(0, size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
            hashed.update(file.read(_SAMPLE_BYTES))
    return hashed.hexdigest()


def sha256_folder(folder: Path) -> str:
    """Hex SHA-256 over the names and contents of the files right below a folder, a saved policy say.

    Raises:
        DataError: the folder holds no files.
    """
    files = {path.name: sha256_file(path) for path in sorted(folder.glob("*")) if path.is_file()}
    if not files:
        raise DataError("no files here", folder)
    return sha256_json(files)


def sha256_json(value: Any) -> str:
    """Hex SHA-256 of a value's canonical JSON (sorted keys): names runs by what made them."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
