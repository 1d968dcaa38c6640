"""What a parameter's value may be, declared where the parameter is: `steps: int = number(at_least=1)`.

A limit lies in the metadata of a dataclass's field. `problems` walks any dataclass of such fields. None,
where the type allows it, is within every limit; of a list every element is held to the limit, and it may not
be empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limit:
    """Which values are allowed, in words and as a test."""

    wording: str
    allows: Callable[[Any], bool]


def number(
    *, at_least: float | None = None, above: float | None = None, at_most: float | None = None
) -> Any:
    """A field with a finite number, or a list of them, within bounds."""
    bounds = {"at least": at_least, "above": above, "at most": at_most}
    wording = " and ".join(f"{name} {bound}" for name, bound in bounds.items() if bound is not None)

    def allows(value: float) -> bool:
        return (
            math.isfinite(value)
            and (at_least is None or value >= at_least)
            and (above is None or value > above)
            and (at_most is None or value <= at_most)
        )

    return _limited(Limit(wording, allows))


def share() -> Any:
    """A field with a number from 0 to 1."""
    return number(at_least=0, at_most=1)


def one_of(*choices: str) -> Any:
    """A field with one of these values, or a list of them."""
    return _limited(Limit(f"one of {', '.join(choices)}", choices.__contains__))


def such_that(wording: str, allows: Callable[[Any], bool]) -> Any:
    """A field with a value that `allows` says yes to; `wording` says which those are."""
    return _limited(Limit(wording, allows))


def problems(section: Any) -> list[str]:
    """Every value out of its limit, as `train.steps: 0 is not at least 1`."""
    return list(_problems(section, ""))


def _problems(section: Any, prefix: str) -> Iterator[str]:
    for declared in fields(section):
        key = f"{prefix}{declared.name}"
        value = getattr(section, declared.name)
        if is_dataclass(value):
            yield from _problems(value, f"{key}.")
        elif limit := declared.metadata.get("limit"):
            if value == []:
                yield f"{key}: empty"
            for item in value if isinstance(value, list) else [value]:
                if item is not None and not limit.allows(item):
                    yield f"{key}: {item!r} is not {limit.wording}"


def anything() -> Any:
    """A field with any value of its type."""
    return field()


def _limited(limit: Limit) -> Any:
    return field(metadata={"limit": limit})
