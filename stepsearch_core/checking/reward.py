"""Rewards of one's own: the functions that `reward.terms` names can be imported from the checkout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.subject import Subject
from stepsearch_core.rewards.terms import load_terms


def check_terms(subject: Subject) -> Iterator[Finding]:
    """Each path of `reward.terms` names a function, as stages will find it: the checkout comes first."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        for path in subject.params.reward.terms:
            try:
                load_terms([path])
            except DataError as error:
                yield subject.error(
                    "reward.terms", f"{path}: {error.problem}", "mend the module, or the path"
                )
    finally:
        sys.path.remove(here)
