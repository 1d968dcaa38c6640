"""Policies that no stage made: their models are here or have a revision, and what they search is built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.model import is_path
from stepsearch_core.checking.subject import Subject
from stepsearch_core.params import METHODS, asked_with, indexes_of

_KEY = "evaluate.others"


def check_others(subject: Subject) -> Iterator[Finding]:
    """Those of `evaluate.others` that are evaluated."""
    params = subject.params
    built = indexes_of({params.retrieval.method, *params.index.measured_methods})
    for name in params.evaluate.policies:
        if name not in params.evaluate.others:
            continue
        asked = asked_with(params, name)
        if own := params.evaluate.others[name].source:
            yield from _source(subject, name, own)
        method = asked.retrieval.method
        if missing := set(METHODS[method]) - built:
            yield subject.error(
                _KEY,
                f"{name} searches by {method}, for which `index` builds no {', '.join(sorted(missing))}",
                f"index.measured_methods with {method} builds it",
            )
        elif "dense" in METHODS[method] and asked.retrieval.encoder != params.retrieval.encoder:
            yield subject.error(
                _KEY,
                f"{name} searches vectors of {asked.retrieval.encoder}, the index has those of"
                f" {params.retrieval.encoder}",
                "one encoder for all policies of a run: retrieval.encoder",
            )


def _source(subject: Subject, name: str, source: str) -> Iterator[Finding]:
    if Path(source).is_dir():
        return
    if is_path(source):
        yield subject.error(_KEY, f"{name}: {source!r} is no folder", "name a folder, or one of the hub")
    elif not subject.params.evaluate.others[name].revision:
        problem = f"{name}: {source!r} is no folder, and as a name of the hub it has no revision"
        yield subject.error(_KEY, problem, f"evaluate.others.{name}.revision: a commit, or main")
    else:
        yield subject.download(_KEY, source, f"the policy {name}")
