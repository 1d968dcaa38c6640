"""Reads a parameter file onto the schema, with one clear error for whatever is wrong with it.

The one way in for files, profiles and overrides, whoever gives these: the commands, a flow's parameters, the
stages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_text
from stepsearch_core.base.limits import problems
from stepsearch_core.params.rules import broken_rules
from stepsearch_core.params.schema import Params
from stepsearch_core.params.values import (
    absent,
    checked_sections,
    for_omegaconf,
    lay_over,
    params_yaml,
    parse_yaml,
)

ASKED_WITH = ("environment", "retrieval", "rollout")
"""Sections that a policy may have of its own."""
_KEYED = re.compile(r"\w+(\.\w+)*: ")


class ParamsError(ValueError):
    """Parameters that do not fit the schema or each other; the message names file and key.

    `problems` has the message of each of them, without the file, where what is wrong are values.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def load_params(path: Path | str = "params.yaml", overrides: Sequence[str] | None = None) -> Params:
    """Read and validate a whole parameter file, with `key.sub=value` laid over it (`values.lay_over`).

    DVC reads the file as well, and knows no default: what it left out could change unseen. Profiles, which
    list only what differs from their base, are read by `profiles.read_profile`.

    Raises:
        ParamsError: no such file, not YAML, an unknown key, a missing one, a wrong type, a value outside its
            limits or a broken rule.
    """
    path = Path(path)
    values = read_values(path)
    if "base" in values:
        raise ParamsError(f"{path}: base: only for profiles; `stepsearch profile NAME` writes the whole")
    return make_params(values, overrides or (), path)


def read_values(path: Path) -> dict[str, Any]:
    """The sections of a parameter file, their values still texts.

    Raises:
        ParamsError: no such file, or not a mapping in YAML.
    """
    with naming(path):
        values = parse_yaml(read_text(path))
        if not isinstance(values, dict):
            raise ValueError(f"expected a mapping of sections, found {type(values).__name__}")
        return values


def make_params(
    values: dict[str, Any],
    overrides: Sequence[str],
    path: Path,
    owner: Callable[[str], Path | None] = lambda key: None,
    *,
    of_run: bool = True,
) -> Params:
    """Parameters of the values that `path` says, with overrides.

    Args:
        values: Sections with texts; overrides are laid over them.
        overrides: `key.sub=value` texts.
        path: The file that an error names.
        owner: The file that says the value of a key, where it is not `path`.
        of_run: Whether they are the run's own, and not those that a policy is asked with.

    Raises:
        ParamsError: as `load_params`.
    """
    with naming(path, owner):
        values = checked_sections(values)
        for override in overrides:
            lay_over(values, override)
        params = OmegaConf.to_object(OmegaConf.merge(_schema(), for_omegaconf(values)))
        assert isinstance(params, Params)
        if missing := absent(values):
            others = f" (and {len(missing) - 1} more)" if missing[1:] else ""
            remedy = "only a profile with a `base:` leaves any out; `stepsearch profile NAME` writes all"
            raise ValueError(f"{missing[0]}: missing{others}: {remedy}")
        beyond = problems(params)
        broken = [] if beyond else broken_rules(params, of_run)
    if not (beyond or broken):
        for name in params.evaluate.others:
            asked_with(params, name)
    said: dict[Path, list[str]] = {path: broken} if broken else {}
    for problem in beyond:
        said.setdefault(owner(problem.partition(":")[0]) or path, []).append(problem)
    if said:
        message = "; ".join(f"{file}: {'; '.join(found)}" for file, found in said.items())
        raise ParamsError(message, beyond + broken)
    return params


@cache
def _schema() -> DictConfig:
    """Made once, as it takes half of the time of loading; a merge copies it."""
    return OmegaConf.structured(Params)


def asked_with(params: Params, policy: str) -> Params:
    """The parameters with which one of `evaluate.others` is asked: those of the run, with its own.

    Raises:
        ParamsError: as `with_changes`.
    """
    other = params.evaluate.others[policy]
    place = Path(f"evaluate.others.{policy}.changes")
    return with_changes(params, other.changes, place, ("evaluate.others", f"{policy}: "), other.source)


def with_changes(
    params: Params,
    changes: Sequence[str],
    place: Path,
    key: tuple[str, str] = ("", ""),
    source: str | None = None,
) -> Params:
    """The parameters of a run, with others for a policy that is asked in a way of its own.

    Args:
        params: The run's.
        changes: `key.sub=value` texts of sections in `ASKED_WITH`.
        place: Whose changes they are, for errors.
        key: The parameter that has them, if one has, and what an error says before what is wrong.
        source: The policy's model; None: the run's.

    Raises:
        ParamsError: a change is none, or of a section that is not asked with.
    """
    for change in changes:
        if change.split(".")[0] not in ASKED_WITH:
            problem = f"{change!r} is not of {', '.join(ASKED_WITH)}"
            raise ParamsError(f"{place}: {problem}", [f"{key[0]}: {key[1]}{problem}"] if key[0] else ())
    values = parse_yaml(params_yaml(params))
    values["evaluate"] |= {"others": {}, "policies": ["warmstart", "trained"], "after": "train"}
    values["model"]["source"] = source or params.model.source
    return make_params(values, changes, place, of_run=False)


@contextmanager
def naming(path: Path, owner: Callable[[str], Path | None] = lambda key: None) -> Iterator[None]:
    """Whatever is wrong with a file as one clear line that names it."""
    try:
        yield
    except DataError as error:
        raise ParamsError(str(error)) from None
    except YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {_one_line(error)}") from None
    except RecursionError:
        raise ParamsError(f"{path}: nested too deeply") from None
    except OmegaConfBaseException as error:
        file = owner(str(getattr(error, "full_key", None) or "")) or path
        raise _about_value(file, _with_key(error)) from None
    except (ValueError, TypeError, AttributeError) as error:  # ours; OmegaConf's on what is no mapping
        raise _about_value(path, _one_line(error)) from None


def _about_value(path: Path, message: str) -> ParamsError:
    """The error of a file; of one value, if the message begins with a dotted key."""
    return ParamsError(f"{path}: {message}", [message] if _KEYED.match(message) else ())


def _with_key(error: OmegaConfBaseException) -> str:
    """OmegaConf's message with the key that it is about, if it says so."""
    message, _, _ = str(error).partition("full_key:")  # what follows is for OmegaConf's own users
    key = getattr(error, "full_key", None)
    return f"{key}: {_one_line(message)}" if key else _one_line(message)


def _one_line(error: object) -> str:
    """A message of several lines as one, of bounded length."""
    return shorten(" ".join(str(error).split()), 300, placeholder=" ...")
