"""What a check says: how bad it is, where, which field, what is the matter, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """From what ends a run to what is only good to know."""

    ERROR = "error"
    """A stage would end with an error, or compute what nobody wants."""
    WARNING = "warning"
    """The run goes to its end, with a loss that its user should know of."""
    NOTE = "note"
    """What will be downloaded, what cannot be looked at yet, what was estimated."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check. `place` is a file with line or row, `field` a parameter or a row's field."""

    severity: Severity
    place: str
    field: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        parts = [self.severity, self.place, self.field, self.problem]
        return ": ".join(filter(None, parts)) + (f" -> {self.remedy}" if self.remedy else "")


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Each finding once, errors before warnings before notes, else in their order."""
    order = list(Severity)
    return sorted(dict.fromkeys(findings), key=lambda finding: order.index(finding.severity))


def summary(findings: Sequence[Finding]) -> str:
    """How many there are of each severity, in words."""
    counts = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    return ", ".join(f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts.items())
