"""Copies of this checkout to run DVC in, and the commands that a user types there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.import_graph import ROOT

STAGES = ["fetch", "corpus", "index", "synthesize", "warmstart", "train", "evaluate", "report"]


def copy_checkout(target: Path) -> Path:
    """Copy what git tracks (and what it would track) to `target`, a git repository of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    commit(target)
    return target


def link_checkout(target: Path) -> Path:
    """Let `target` be a checkout for stages that are called in it: with dvc.yaml and the code that it
    names.
    """
    for name in ("dvc.yaml", "conf", "tasks", "stepsearch_core"):
        (target / name).symlink_to(ROOT / name)
    return target


def commit(folder: Path) -> None:
    """Commit everything that git does not ignore."""
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["add", "--all"], [*author, "commit", "--quiet", "--message", "state"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def run(folder: Path, *command: str, check: bool = True, path: Path | None = None) -> str:
    """Run `python -m COMMAND` in `folder`, with this interpreter first on PATH; returns stdout and stderr.

    `path`: where Python looks for modules besides.

    Raises:
        AssertionError: it failed; the message holds the output.
    """
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    modules = {"PYTHONPATH": str(path)} if path else {}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PATH": commands, "TQDM_DISABLE": "1", **modules},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert not check or done.returncode == 0, (
        f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}"
    )
    return done.stdout


def dvc(folder: Path, *arguments: str) -> str:
    """Run `dvc ARGUMENTS` in `folder`."""
    return run(folder, "dvc", *arguments)


def profile(folder: Path, *arguments: str) -> str:
    """Run `stepsearch profile ARGUMENTS` in `folder`."""
    return run(folder, "stepsearch_core.cli", "profile", *arguments)


def stages_run(output: str) -> list[str]:
    """The stages that a `dvc repro` ran, in order."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage '")]
