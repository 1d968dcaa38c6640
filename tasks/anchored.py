"""Paths of parameters that mean the same in every copy of the checkout.

A copy holds what git tracks. What lies here besides, a folder of questions say, stays where it is, and the
copies are given its absolute path.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

from stepsearch_core.params import Params

PATHS = (
    ("fetch", "folder"),
    ("model", "source"),
    ("retrieval", "encoder"),
    ("index", "ready_made"),
    ("synthesize", "prompts"),
    ("reward", "judge_prompt"),
)
"""Parameters that may be paths: section and key."""


def anchored(params: Params) -> Params:
    """The same parameters, those paths absolute that lead to what git does not track here."""
    for name, key in PATHS:
        section = getattr(params, name)
        params = replace(params, **{name: replace(section, **{key: _anchored(getattr(section, key))})})
    others = {
        name: replace(other, source=_anchored(other.source), changes=list(map(_changed, other.changes)))
        for name, other in params.evaluate.others.items()
    }
    return replace(params, evaluate=replace(params.evaluate, others=others))


def _changed(change: str) -> str:
    """An override of a policy's own, which may be of one of the paths."""
    key, _, value = change.partition("=")
    return f"{key}={_anchored(value)}" if tuple(key.split(".")) in PATHS else change


def _anchored(value: str | None) -> str | None:
    untracked = value and not Path(value).is_absolute() and Path(value).exists() and not _tracked(value)
    return str(Path(value).resolve()) if value and untracked else value


@cache
def _tracked(path: str) -> bool:
    """Whether git has all of it, but for what Python caches beside code."""
    tracked, others = (
        subprocess.run(["git", "ls-files", *only, "--", path], capture_output=True, text=True).stdout
        for only in ([], ["--others", "--exclude=__pycache__/"])
    )
    return bool(tracked) and not others
