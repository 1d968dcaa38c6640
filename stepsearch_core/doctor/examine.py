"""`stepsearch doctor`: what there is, whatever is wrong with it, and what to type.

`stepsearch check` looks at a profile before a run. The doctor looks at this machine and checkout, and works
where packages that a check needs are broken: nothing of torch is imported here, and a look that fails is a
finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stepsearch_core.checking.finding import Finding, Severity, worst_first
from stepsearch_core.doctor import checkout, limits, packages
from stepsearch_core.doctor.anonymous import without_places
from stepsearch_core.doctor.facts import facts
from stepsearch_core.doctor.here import Here

LOOKS: tuple[Callable[[Here], Iterator[Finding]], ...] = (
    packages.check_pins,
    packages.check_installation,
    packages.check_conflicts,
    packages.check_torch,
    packages.check_faiss,
    limits.check_hidden,
    limits.check_threads,
    limits.check_container,
    limits.check_shared_memory,
    limits.check_files,
    limits.check_folders,
    checkout.check_outputs,
    checkout.check_profile,
)


@dataclass(frozen=True, slots=True)
class Examination:
    """What there is, and what is wrong with it, the worst first."""

    facts: dict[str, str]
    findings: list[Finding]

    def to_json(self) -> dict[str, Any]:
        """For an issue: without the names of folders and of the machine."""
        return {
            "facts": _anonymous(self.facts),
            "findings": [_anonymous(asdict(finding)) for finding in self.findings],
        }


def examine(params: Path, data: Path) -> Examination:
    """Look at everything.

    Args:
        params: The active profile's file.
        data: The stages' outputs.
    """
    with Here(params, data) as here:
        here.begin()
        found: list[Finding] = []
        for look in LOOKS:
            try:
                found.extend(look(here))
            except Exception as error:
                reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                problem = f"{look.__name__} failed: {reason}"
                found.append(Finding(Severity.WARNING, "doctor", "", problem, "please report this"))
        return Examination(facts(here), worst_first(found))


def _anonymous(values: dict[str, str]) -> dict[str, str]:
    return {name: without_places(value) for name, value in values.items()}
