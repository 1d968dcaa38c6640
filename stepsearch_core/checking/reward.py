"""Rewards of one's own: what `reward.terms` names can be imported from the checkout; a judge is there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.checking.endpoint import check_model
from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.subject import Subject
from stepsearch_core.rewards.judge import Judge, check_settings
from stepsearch_core.rewards.terms import find_term


def check_terms(subject: Subject) -> Iterator[Finding]:
    """Each path of `reward.terms` names a function, as stages will find it: the checkout comes first."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        for path in subject.params.reward.terms:
            try:
                found = find_term(path)
            except DataError as error:
                yield subject.error(
                    "reward.terms", f"{path}: {error.problem}", "mend the module, or the path"
                )
                continue
            if isinstance(found, type) and issubclass(found, Judge):
                yield from _check_judge(subject)
    finally:
        sys.path.remove(here)


def _check_judge(subject: Subject) -> Iterator[Finding]:
    params = subject.params
    try:
        check_settings(params)
    except DataError as error:
        yield subject.error(error.field or "reward.terms", error.problem, "set it, or leave the judge out")
        return
    yield from check_model(subject, str(params.reward.judge_model), "reward.judge_model", "train")
