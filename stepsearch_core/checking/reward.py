"""Rewards of one's own: what `reward.terms` names can be imported from the checkout; a judge is there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.subject import Subject
from stepsearch_core.endpoint.endpoint import Endpoint, EndpointError
from stepsearch_core.rewards.judge import Judge, check_settings
from stepsearch_core.rewards.terms import find_term

SECONDS = 3.0
"""In which a service has to say which models it has."""


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
    """The service answers now, and has the model; it may also come later, before training."""
    params = subject.params
    try:
        check_settings(params)
    except DataError as error:
        yield subject.error(error.field or "reward.terms", error.problem, "set it, or leave the judge out")
        return
    model = str(params.reward.judge_model)
    impatient = replace(params.endpoint, timeout=SECONDS, attempts=1)
    try:
        models = Endpoint(impatient, model).models()
    except EndpointError as error:
        yield subject.warning("endpoint.url", str(error), "start the service before the stage train")
        return
    if model not in models:
        known = ", ".join(models) or "none"
        yield subject.warning("reward.judge_model", f"{model} is not among the service's: {known}", "")
