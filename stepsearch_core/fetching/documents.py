"""Documents as `fetch` brings them: the files that are read, under their own names in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from stepsearch_core.base.hashes import sha256_file, sha256_json
from stepsearch_core.benchmarks.sources import DOCUMENTS
from stepsearch_core.data.documents import read_files


def named_otherwise(paths: Mapping[str, Path]) -> frozenset[Path]:
    """The files (resolved) of a profile's entries that are no documents, though they may lie among them.

    A file that `documents` names itself is one, whatever else it is.
    """
    given = {key: path.resolve() for key, path in paths.items() if path.is_file()}
    own = given.pop(DOCUMENTS, None)
    return frozenset(given.values()) - {own}


def copy_documents(path: Path, folder: Path, besides: Collection[Path] = ()) -> None:
    """Copy what is read of a file or folder of documents into a new folder."""
    for name, file in _named(path, besides).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def describe_documents(path: Path, besides: Collection[Path] = ()) -> dict[str, Any]:
    """Hash (over names and contents), bytes and number of the files that are read."""
    files = _named(path, besides)
    return {
        "sha256": sha256_json({name: sha256_file(file) for name, file in files.items()}),
        "bytes": sum(file.stat().st_size for file in files.values()),
        "files": len(files),
    }


def _named(path: Path, besides: Collection[Path]) -> dict[str, Path]:
    """The files that are read by their name: below a folder, or a file's own."""
    base = path if path.is_dir() else path.parent
    return {file.relative_to(base).as_posix(): file for file in read_files(path, besides)}
