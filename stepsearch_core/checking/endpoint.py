"""The service of language models that a judge or the synthesis needs: it answers, and has the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stepsearch_core.base.errors import DataError
from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.subject import Subject
from stepsearch_core.endpoint.endpoint import Endpoint, EndpointError
from stepsearch_core.synthesis.told import WORKS, told

SECONDS = 3.0
"""In which a service has to say which models it has."""


def check_generator(subject: Subject) -> Iterator[Finding]:
    """The model that writes keys, steps or questions is there, if one does."""
    own = subject.params.synthesize
    if not own.asks:
        return
    try:
        for work in WORKS:
            told(work, own.prompts)
    except DataError as error:
        yield subject.error("synthesize.prompts", str(error), "mend the file, or the path")
    yield from check_model(subject, str(own.generator_model), "synthesize.generator_model", "synthesize")


def check_model(subject: Subject, model: str, key: str, stage: str) -> Iterator[Finding]:
    """The service answers now, and has a model; it may also come later, before the stage."""
    impatient = replace(subject.params.endpoint, timeout=SECONDS, attempts=1)
    try:
        models = Endpoint(impatient, model).models()
    except EndpointError as error:
        yield subject.warning("endpoint.url", str(error), f"start the service before the stage {stage}")
        return
    if model not in models:
        known = ", ".join(models) or "none"
        yield subject.warning(key, f"{model} is not among the service's: {known}", "")
