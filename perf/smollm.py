"""SmolLM2-135M-Instruct for measurements on a real model: from the folder that STEPSEARCH_SMOLLM names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from perf.measure import PROFILES

PROFILE = PROFILES / "smollm.yaml"


def smollm() -> Path:
    """The folder.

    Raises:
        SystemExit: the variable names no folder with a model.
    """
    folder = Path(os.environ.get("STEPSEARCH_SMOLLM") or "-")
    if not (folder / "config.json").is_file():
        sys.exit("skipped: STEPSEARCH_SMOLLM names no folder with SmolLM2-135M-Instruct")
    return folder
