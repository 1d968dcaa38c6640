"""The analysis of a study: scores, paired differences, curves, sample efficiency and cost of its variants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from stepsearch_core.studies.outcomes import Outcome


class Described(Protocol):
    """A setting or a variant as tables name it."""

    @property
    def label(self) -> str: ...  # noqa: D102

    @property
    def changes(self) -> Sequence[str]: ...  # noqa: D102


class Study(Protocol):
    """What the analysis wants to know of a study."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def title(self) -> str: ...  # noqa: D102

    @property
    def baseline(self) -> str: ...  # noqa: D102

    @property
    def confidence(self) -> float: ...  # noqa: D102

    @property
    def bootstrap_samples(self) -> int: ...  # noqa: D102

    @property
    def variants(self) -> Mapping[str, Described]: ...  # noqa: D102

    @property
    def settings(self) -> Mapping[str, Described]: ...  # noqa: D102


def analyse(study: Study, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Everything that the page of a study shows; None where something is not defined."""
    raise NotImplementedError
