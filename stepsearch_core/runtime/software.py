"""The software that makes the numbers: one list, for reports, fingerprints and work in progress."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stepsearch_core.base.hashes import sha256_file
from stepsearch_core.base.io import atomic_write, read_text

PACKAGES = (
    *("stepsearch", "torch", "transformers", "tokenizers", "sentence-transformers", "deepspeed", "vllm"),
    *("bm25s", "tantivy", "faiss-cpu", "faiss-gpu", "scikit-learn", "numpy", "regex", "rjieba", "pythainlp"),
)


def versions() -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """The commit of the checkout that this code lies in, with `+changes` if files of the core are others;
    None where it is installed, or git does not answer.
    """
    core = Path(__file__).parents[1]
    try:
        if not _git(core, "ls-files", "--", __file__):  # in somebody's environment, below their own checkout
            return None
        changed = _git(core, "status", "--porcelain", "--untracked-files=no", "--", ".")
        return _git(core, "rev-parse", "HEAD") + "+changes" * bool(changed)
    except (OSError, subprocess.SubprocessError):
        return None


def note_commit(made: Path, note: Path) -> None:
    """Note of a file by which commit it was made: outside of it, as every checkout makes the same bytes."""
    with atomic_write(note) as file:
        file.write(f"{sha256_file(made)} {commit() or ''}\n")


def noted_commit(made: Path, note: Path) -> str | None:
    """What `note_commit` noted; None where nothing is known of the file as it is."""
    if not note.is_file():
        return None
    digest, _, by = read_text(note).strip().partition(" ")
    return by or None if digest == sha256_file(made) else None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
