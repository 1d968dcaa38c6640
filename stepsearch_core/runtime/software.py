"""The software that makes the numbers: one list, for reports, fingerprints and work in progress."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
