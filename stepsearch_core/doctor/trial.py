"""A trial: the smallest real instance of one thing, in a process of its own, which returns figures."""

from __future__ import annotations

from dataclasses import dataclass


class NotHereError(RuntimeError):
    """The machine or the environment lacks what the trial is of; says what."""


class TrialError(RuntimeError):
    """Something ran and did not do what it should; says what came out."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What `stepsearch selftest` tries."""

    name: str
    meaning: str
    function: str
    """`module:function` below `doctor.trials`; it takes `overrides` and returns figures by their names."""
    overrides: tuple[str, ...] = ()
    """Parameters, laid over those of the small profile (`trials.small`)."""
    limit: float = 240.0
    """Seconds after which it counts as hung: several times what it takes, for disks that are cold."""


def require(holds: bool, problem: str) -> None:
    """Fail the trial with what came out.

    Raises:
        TrialError: it does not hold.
    """
    if not holds:
        raise TrialError(problem)
