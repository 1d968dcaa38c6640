"""`stepsearch check`: all that can be known before the long work, in seconds and without a network.

A retrieval service is asked, if `retrieval.url` names one to search, and so is a service of language models
that a judge or the synthesis needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.checking import (
    documents,
    encoder,
    endpoint,
    environment,
    files,
    index,
    machine,
    model,
    others,
    reward,
    service,
    tokenizer,
)
from stepsearch_core.checking.finding import Finding, Severity, worst_first
from stepsearch_core.checking.places import Places
from stepsearch_core.checking.subject import Subject
from stepsearch_core.params import ParamsError
from stepsearch_core.params.stages import LOOKED_AT
from stepsearch_core.profiles import load_profile, profile_files

Check = Callable[[Subject], Iterator[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("evaluate", model.check_readable),
    ("warmstart", model.check_presence),
    ("evaluate", model.check_weights),
    ("evaluate", model.check_structure),
    ("evaluate", model.check_context),
    ("train", model.check_training),
    ("train", model.check_adapters),
    ("warmstart", model.check_ignored),
    ("evaluate", tokenizer.check_template),
    ("train", tokenizer.check_answers),
    ("evaluate", environment.check_prompts),
    ("evaluate", environment.check_limits),
    ("evaluate", environment.check_questions),
    ("evaluate", environment.check_passages),
    ("fetch", files.check_sources),
    ("fetch", files.check_beginnings),
    ("fetch", documents.check_documents),
    ("synthesize", files.check_training_questions),
    ("evaluate", files.check_unused),
    ("evaluate", others.check_others),
    ("evaluate", encoder.check_encoder),
    ("evaluate", index.check_words),
    ("index", index.check_bm25_memory),
    ("index", index.check_factory),
    ("index", index.check_index_size),
    ("index", index.check_ready_made),
    ("evaluate", index.check_device),
    ("index", index.check_measured),
    ("evaluate", service.check_service),
    ("synthesize", endpoint.check_generator),
    ("train", reward.check_terms),
    ("train", machine.check_plan),
    ("evaluate", machine.check_packages),
    ("train", machine.check_gpus),
    ("train", machine.check_memory),
    ("train", machine.check_disk),
    ("warmstart", model.check_watched),
)
"""Each check, after the last stage that reads what it looks at."""


def check(
    path: Path, overrides: Sequence[str] = (), start: str = LOOKED_AT[0], data: Path = Path("data")
) -> list[Finding]:
    """All findings about a parameter file, the worst first.

    Args:
        path: The parameter file, of a profile or whole.
        overrides: `key.sub=value` texts laid over it.
        start: The stage that is about to run: what only the stages before it read is not looked at.
        data: The stages' outputs.
    """
    places = Places([path], overrides)
    try:
        places = Places(profile_files(path), overrides)
        params = load_profile(path, overrides)
    except ParamsError as error:
        return [_broken(problem, places) for problem in error.problems] or [
            Finding(Severity.ERROR, "", "", str(error), "mend the parameter")
        ]
    subject = Subject(params, places, start, data)
    found: list[Finding] = []
    failed: list[Finding] = []
    for last, checker in CHECKS:
        if subject.comes(last):
            _look(checker, subject, found, failed)
    broken = exit_status(found)  # what a check fails on then is most likely that; the next look will tell
    return worst_first(found if broken else found + failed)


def exit_status(findings: Sequence[Finding]) -> int:
    """1 if anything would end a stage."""
    return int(any(finding.severity is Severity.ERROR for finding in findings))


def _broken(problem: str, places: Places) -> Finding:
    key, _, what = problem.partition(": ")
    return Finding(Severity.ERROR, places.place_of(key), key, what, "mend the parameter")


def _look(checker: Check, subject: Subject, found: list[Finding], failed: list[Finding]) -> None:
    """Add what a check finds. Whatever goes wrong in it must not keep a run from starting."""
    try:
        found.extend(checker(subject))
    except DataError as error:
        found.append(subject.refusal(error, ""))
    except Exception as error:
        problem = f"{checker.__name__} failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        failed.append(Finding(Severity.WARNING, str(subject.places.path), "", problem, "please report this"))
