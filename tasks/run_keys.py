"""What makes a run of a study the same as another: its parameters and the code, as dvc.yaml lists them.

DVC would find out by itself, stage by stage; these keys say for a hundred runs in seconds which results are
there, and which runs have their first stages in common.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.hashes import sha256_files, sha256_json, sha256_samples
from stepsearch_core.params import Params
from stepsearch_core.params.stages import STAGES
from stepsearch_core.rewards.terms import term_files
from tasks.pipeline import listed
from tasks.stage import DATA

SHARED = "warmstart"
"""The last stage that runs on one world and one seed have in common."""


class UncommittedError(ExplainedError):
    """Code that stages import differs from the last commit."""


def run_key(params: Params, target: str) -> str:
    """16 hex digits of all that the results of the stages up to `target` depend on."""
    return run_keys(params, target)[0]


def run_keys(params: Params, *targets: str) -> list[str]:
    """The same for several last stages, for little more than the time of one."""
    last = max(map(STAGES.index, targets))
    entries: list[Any] = [_entry(stage, params) for stage in STAGES[: last + 1]]
    terms = [_content(file) for file in term_files(params.reward.terms)]  # which DVC does not watch
    named = (params.model.source, params.retrieval.encoder)
    models = [_content(Path(name).resolve()) for name in named if name and Path(name).is_dir()]
    keys = []
    for stage in map(STAGES.index, targets):
        rewarded = [terms] if terms and stage > STAGES.index(SHARED) else []
        keys.append(sha256_json([*entries[: stage + 1], *rewarded, *models])[:16])
    return keys


def check_committed(runs: Sequence[tuple[Params, str]]) -> str:
    """The last commit, of which runs are made; of these the parameters and last stages are given.

    Raises:
        UncommittedError: there is none, or what stages import, rewards of one's own too, is not as it has
            it.
    """
    ran = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    if ran.returncode:
        raise UncommittedError("a study's runs are of a commit, and here is none (`git init`, `git commit`)")
    paths = {
        str(path)
        for params, target in runs
        for stage in STAGES[: STAGES.index(target) + 1]
        for path in _given(listed(stage, params)[1])
        if not path.is_absolute()
    }
    rewards = {str(file) for params, _ in runs for file in term_files(params.reward.terms) if _is_here(file)}
    # rewards that git does not know are imported from here, the others from the copy
    changed = [*_changed({"dvc.yaml", *paths}), *_changed(rewards, "--untracked-files=no")]
    if changed:
        more = f" and {len(changed) - 1} more" if changed[1:] else ""
        raise UncommittedError(f"commit {changed[0]}{more} first: a study's runs are of a commit")
    return ran.stdout.strip()


def _changed(paths: set[str], *options: str) -> list[str]:
    """What of these files and folders differs from the last commit."""
    if not paths:
        return []
    command = ["git", "status", "--porcelain", *options, "--", *sorted(paths)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line[3:] for line in told.stdout.splitlines()]


def _is_here(file: Path) -> bool:
    return file.resolve().is_relative_to(Path.cwd().resolve())


def _entry(stage: str, params: Params) -> dict[str, Any]:
    values, deps = listed(stage, params)
    return {"stage": stage, "params": values, "code": {str(path): _content(path) for path in _given(deps)}}


def _given(deps: list[Path]) -> Iterator[Path]:
    return (path for path in deps if DATA not in path.parents)


@cache
def _content(path: Path) -> str:
    """Of code every byte; of a folder of data elsewhere, whose files may be large, sizes and samples."""
    if not path.is_absolute():
        return sha256_json(sha256_files([path]))
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return sha256_json({str(file): sha256_samples(file) for file in files})
