"""Training runs in copies of a commit, several at once; stages before training are run once a world.

A copy is a clone below a working folder, whose stages run as `dvc repro` runs them, on one thread. What
stands in the copy of a world is kept, so that a measurement that was killed goes on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stepsearch_core.base.io import read_jsonl
from stepsearch_core.params.stages import STAGES

TRAIN = "train"
SHARED = STAGES[: STAGES.index(TRAIN)]
"""Stages that runs on one world and one seed have in common."""
Curve = dict[str, float]
"""Validation F1 by step, in JSON's manner."""


def prepared(folder: Path, overrides: Sequence[str], commit: str = "HEAD") -> Path:
    """A copy in which the stages before training have run with the profile tiny and these overrides."""
    done = folder / "data" / "prepared"
    if not done.is_file():
        _clone(folder, commit)
        _profile(folder, overrides)
        for stage in SHARED:
            run_module(folder, f"tasks.{stage}")
        done.touch()
    return folder


def validation_curve(shared: Path, folder: Path, overrides: Sequence[str], commit: str = "HEAD") -> Curve:
    """Train in a copy of its own, which goes afterwards, on what `prepared` left in `shared`.

    Args:
        shared: a copy in which the stages before training have run.
        folder: of the run's own copy.
        overrides: all that differ from the profile tiny, those of `shared` among them.
        commit: whose code trains; it must read what that of `shared` wrote.

    Raises:
        subprocess.CalledProcessError: training failed; what it said has been printed.
    """
    _clone(folder, commit)
    _profile(folder, overrides)
    for stage in SHARED:
        (folder / "data" / stage).symlink_to((shared / "data" / stage).resolve())
    run_module(folder, "tasks.train")
    rows = [row for _, row in read_jsonl(folder / "data" / TRAIN / "metrics.jsonl")]
    curve = {str(row["step"]): row["validation/f1"] for row in rows if "validation/f1" in row}
    shutil.rmtree(folder)
    return curve


def run_module(folder: Path, *command: str) -> None:
    """Run a module of a copy.

    Raises:
        subprocess.CalledProcessError: it failed; the end of what it said has been printed.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "PYTHONPATH": str(folder)}
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if ran.returncode:
        print(f"{folder}: {ran.stdout[-3000:]}", file=sys.stderr)
    ran.check_returncode()


def _clone(folder: Path, commit: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", ".", folder], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=folder, check=True)
    (folder / "data").mkdir(exist_ok=True)


def _profile(folder: Path, overrides: Sequence[str]) -> None:
    run_module(folder, "stepsearch_core.cli", "profile", "tiny", *overrides)
