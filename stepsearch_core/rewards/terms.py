"""Rewards of one's own: functions that `reward.terms` names by their import paths.

A term is a pure function of a trajectory and its question that gives each of the trajectory's turns a value.
`rewards.composition` puts it, weighted, on the turn's last token, as it does with the paper's own. A path
may also name a class, which is made with the run's parameters and a look-up of passages, and whose instance
is such a function (`rewards.judge`).

A term that cannot judge a trajectory, as a service behind it is down, raises a `TermError`: the trajectory
is left out of the loss and counted under its reason. Any other error ends the run, as a bug of the term.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Passage, Question, Trajectory
from stepsearch_core.params import Params

Term = Callable[[Trajectory, Question], Sequence[float]]
"""Values [turns]. An attribute `concurrency` says how many calls may wait at once, each in its thread."""


class TermError(Exception):
    """A term could not judge a trajectory; `reason` is the word to count it under."""

    def __init__(self, reason: str, problem: str = "") -> None:
        self.reason, self.problem = reason, problem
        super().__init__(reason, problem)


def load_terms(paths: Iterable[str], params: Params, passage: Callable[[str], Passage]) -> dict[str, Term]:
    """The functions that paths like `package.module:function` name.

    Args:
        paths: of `reward.terms`.
        params: of the run; classes are made with them.
        passage: by its id; classes get it as well.

    Raises:
        DataError: a path that names none.
    """
    named = {path: find_term(path) for path in paths}
    return {
        path: found(params, passage) if isinstance(found, type) else found for path, found in named.items()
    }


def term_files(paths: Iterable[str]) -> list[Path]:
    """The files of the modules that paths name, as far as they are files."""
    specs = [find_spec(path.partition(":")[0]) for path in paths]
    return [Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None]


Values = dict[str, tuple[float, ...]]
"""By a term's path what it gives each turn."""


class Terms:
    """The terms of a run by their paths, each asked about so many trajectories at once as it allows."""

    def __init__(self, named: Mapping[str, Term]) -> None:
        self._named = named
        at_once = {path: getattr(term, "concurrency", 1) for path, term in named.items()}
        self._pools = {path: ThreadPoolExecutor(most) for path, most in at_once.items() if most > 1}

    def __call__(self, pairs: Sequence[tuple[Trajectory, Question]]) -> list[Values | TermError]:
        """What the terms give trajectories on their questions, or why the first that cannot say cannot.

        Raises:
            DataError: a term fails otherwise, gives not one number a turn, or one that is not finite.
        """
        given: list[Values | TermError] = [{} for _ in pairs]
        for path, term in self._named.items():
            for number, values in enumerate(self._asked(path, term, pairs)):
                known = given[number]
                if isinstance(values, TermError):
                    given[number] = known if isinstance(known, TermError) else values
                elif not isinstance(known, TermError):
                    known[path] = values
        return given

    def _asked(
        self, path: str, term: Term, pairs: Sequence[tuple[Trajectory, Question]]
    ) -> Iterable[tuple[float, ...] | TermError]:
        def ask(pair: tuple[Trajectory, Question]) -> tuple[float, ...] | TermError:
            try:
                return _values(path, term, *pair)
            except TermError as error:
                return error

        pool = self._pools.get(path)
        return map(ask, pairs) if pool is None else pool.map(ask, pairs)


def find_term(path: str) -> Any:
    """The function or class that a path like `package.module:function` names.

    Raises:
        DataError: it names none.
    """
    module, colon, name = path.partition(":")
    if not (colon and module and name):
        raise DataError("not an import path: write package.module:function", path, field="reward.terms")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DataError(f"cannot be imported: {error}", path, field="reward.terms") from error
    if not callable(function):
        raise DataError("not a function", path, field="reward.terms")
    return function


def _values(path: str, term: Term, trajectory: Trajectory, question: Question) -> tuple[float, ...]:
    try:
        values = tuple(map(float, term(trajectory, question)))
    except TermError:
        raise
    except Exception as error:  # whatever a user's function raises
        problem = f"failed on question {question.id}: {type(error).__name__}: {error}"
        raise DataError(problem, path, field="reward.terms") from error
    if len(values) != len(trajectory.turns) or not all(map(math.isfinite, values)):
        problem = f"gave {values} for {len(trajectory.turns)} turns of question {question.id}"
        raise DataError(f"{problem}: expected a finite number for each", path, field="reward.terms")
    return values
