"""Training runs in copies of a commit, several at once; stages before training are run once a world.

A copy is a clone below a working folder, whose stages run as `dvc repro` runs them, on one thread. Rows are
kept as they are made, and so are the copies of worlds, so that a measurement that was killed goes on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from filelock import FileLock
from tqdm import tqdm

from stepsearch_core.base.io import read_jsonl, write_jsonl
from stepsearch_core.params.stages import STAGES

TRAIN = "train"
SHARED = STAGES[: STAGES.index(TRAIN)]
"""Stages that runs on one world and one seed have in common."""
Point = dict[str, Any]
"""What names a run."""
Curve = dict[str, float]
"""Validation F1 by step, in JSON's manner."""


def rows_of(
    points: Sequence[Point], file: Path, run: Callable[[Point], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """A row for each point, with what `run` makes of it: those in `file`, and the others, which go there.

    Args:
        points: of the runs, all with the same keys.
        file: of rows as JSON lines.
        run: makes what is missing; as many run at once as there are cores.

    Raises:
        Exception: what the first run that failed raised, after the others have ended.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [row for _, row in read_jsonl(file)] if file.is_file() else []
    made = [{key: row.get(key) for key in points[0]} for row in rows]
    missing = [point for point in points if point not in made]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(run, point): point for point in missing}
        for done in tqdm(as_completed(running), "runs", len(missing), smoothing=0, disable=not missing):
            if done.exception() is None:
                rows.append({**running[done], **done.result()})
                write_jsonl(file, rows)
        for done in running:
            done.result()
    return [row for row in rows if {key: row.get(key) for key in points[0]} in points]


def commit() -> str:
    """The last commit of the checkout."""
    told = subprocess.run(
        ["git", "rev-parse", "--short=7", "HEAD"], check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


def prepared(copies: Path, name: str, overrides: Sequence[str]) -> Path:
    """The copy of the last commit in which the stages before training have run, made by the first to ask.

    Args:
        copies: the folder of all copies.
        name: of what the overrides make; the commit is added to it.
        overrides: what differs from the profile tiny.
    """
    copies.mkdir(parents=True, exist_ok=True)
    folder = copies / f"{name}_{commit()}"
    done = folder / "data" / "prepared"
    with FileLock(f"{folder}.lock"):
        if not done.is_file():
            copy_commit(folder, overrides)
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
    copy_commit(folder, overrides, commit)
    for stage in SHARED:
        (folder / "data" / stage).symlink_to((shared / "data" / stage).resolve())
    run_module(folder, "tasks.train")
    rows = [row for _, row in read_jsonl(folder / "data" / TRAIN / "metrics.jsonl")]
    curve = {str(row["step"]): row["validation/f1"] for row in rows if "validation/f1" in row}
    shutil.rmtree(folder)
    return curve


def copy_commit(folder: Path, overrides: Sequence[str], commit: str = "HEAD") -> None:
    """A clone of a commit in place of `folder`, with the profile tiny and these overrides."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", ".", folder], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=folder, check=True)
    (folder / "data").mkdir(exist_ok=True)
    run_module(folder, "stepsearch_core.cli", "profile", "tiny", *overrides)


def run_module(folder: Path, *command: str) -> None:
    """Run a module of a copy on one thread.

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
