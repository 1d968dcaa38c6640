"""The published files that measurements on real text read: in the folder that STEPSEARCH_REAL_DATA names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CORPUS = "corpus.jsonl"
DEV = "musique_ans_dev551.jsonl"
TRAIN = "musique_ans_train100.jsonl"
HOTPOT = "hotpotqa_train100.json"


def real_data(*names: str) -> Path:
    """The folder, with the files of these names.

    Raises:
        SystemExit: the variable names no folder that has them all.
    """
    folder = Path(os.environ.get("STEPSEARCH_REAL_DATA", "-"))
    if not all((folder / name).is_file() for name in names):
        sys.exit(f"skipped: STEPSEARCH_REAL_DATA names no folder with {' and '.join(names)}")
    return folder
