"""The service of language models that a judge or the search keys need: it answers, and has the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stepsearch_core.base.errors import DataError
from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.subject import Subject
from stepsearch_core.endpoint.endpoint import Endpoint, EndpointError
from stepsearch_core.endpoint.prompts import read_prompt
from stepsearch_core.synthesis.key_writers import PROMPT

SECONDS = 3.0
"""In which a service has to say which models it has."""


def check_generator(subject: Subject) -> Iterator[Finding]:
    """What writes search keys is there, if it is a model."""
    own = subject.params.synthesize
    if own.generator != "endpoint":
        return
    try:
        read_prompt(own.generator_prompt, PROMPT, "synthesize.generator_prompt")
    except DataError as error:
        yield subject.error("synthesize.generator_prompt", str(error), "mend the file, or the path")
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
