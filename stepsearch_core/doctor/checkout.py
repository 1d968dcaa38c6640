"""The active profile and the folders that its stages have filled: what is missing, damaged or stale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.doctor.here import LOOK, Here

_AGAIN = "mend what else is wrong, then look again"


def check_profile(here: Here) -> Iterator[Finding]:
    """What `stepsearch check` finds about the active profile, from the stage that comes next."""
    ending = here.ending("profile")
    if ending is None:
        remedy = "stepsearch profile tiny, or another of conf/"
        yield Finding(Severity.WARNING, str(here.path), "", "no profile is active here", remedy)
    elif ending.failed:
        problem = f"the profile could not be looked at: {ending.reason}"
        yield Finding(Severity.WARNING, str(here.path), "", problem, _AGAIN)
    else:
        yield from map(finding_from_json, ending.value)


def check_outputs(here: Here) -> Iterator[Finding]:
    """What DVC's files say of the stages' outputs, in a checkout."""
    ending = here.ending("checkout")
    if ending is not None and ending.failed:
        problem = f"DVC's files could not be looked at: {ending.reason}"
        yield Finding(Severity.WARNING, str(LOOK), "", problem, _AGAIN)
    elif ending is not None:
        yield from map(finding_from_json, ending.value)


def finding_from_json(value: dict[str, Any]) -> Finding:
    """A finding that another process has made."""
    return Finding(**(value | {"severity": Severity(value["severity"])}))
