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
        value = getattr(section, key)
        if value and not Path(value).is_absolute() and Path(value).exists() and not _tracked(value):
            params = replace(params, **{name: replace(section, **{key: str(Path(value).resolve())})})
    return params


@cache
def _tracked(path: str) -> bool:
    """Whether git has anything of it."""
    listed = subprocess.run(["git", "ls-files", "--", path], capture_output=True, text=True)
    return bool(listed.stdout)
