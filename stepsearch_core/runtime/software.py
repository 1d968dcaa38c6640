"""The software that makes the numbers: one list, for reports, fingerprints and work in progress."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

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
