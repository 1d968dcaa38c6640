"""Rewards of one's own: functions that `reward.terms` names by their import paths.

A term is a pure function of a trajectory and its question that gives each of the trajectory's turns a value.
`rewards.composition` puts it, weighted, on the turn's last token, as it does with the paper's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Question, Trajectory

Term = Callable[[Trajectory, Question], Sequence[float]]
"""Values [turns]."""


def load_terms(paths: Iterable[str]) -> dict[str, Term]:
    """The functions that paths like `package.module:function` name.

    Raises:
        DataError: a path that names none.
    """
    return {path: _load(path) for path in paths}


def term_files(paths: Iterable[str]) -> list[Path]:
    """The files of the modules that paths name, as far as they are files."""
    specs = [find_spec(path.partition(":")[0]) for path in paths]
    return [Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None]


def term_values(
    terms: Mapping[str, Term], trajectory: Trajectory, question: Question
) -> dict[str, tuple[float, ...]]:
    """What each term gives each turn.

    Raises:
        DataError: a term fails, gives not one number a turn, or one that is not finite.
    """
    return {path: _values(path, term, trajectory, question) for path, term in terms.items()}


def _load(path: str) -> Term:
    module, colon, name = path.partition(":")
    if not (colon and module and name):
        raise DataError("not an import path: write package.module:function", path, field="reward.terms")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DataError(f"cannot be imported: {error}", path, field="reward.terms") from error
    if not callable(function):
        raise DataError("not a function", path, field="reward.terms")
    term: Term = function
    return term


def _values(path: str, term: Term, trajectory: Trajectory, question: Question) -> tuple[float, ...]:
    try:
        values = tuple(map(float, term(trajectory, question)))
    except Exception as error:  # whatever a user's function raises
        problem = f"failed on question {question.id}: {type(error).__name__}: {error}"
        raise DataError(problem, path, field="reward.terms") from error
    if len(values) != len(trajectory.turns) or not all(map(math.isfinite, values)):
        problem = f"gave {values} for {len(trajectory.turns)} turns of question {question.id}"
        raise DataError(f"{problem}: expected a finite number for each", path, field="reward.terms")
    return values
