"""Reads a parameter file onto the schema, with one clear error for whatever is wrong with it.

The one way in for files, profiles and overrides, whoever gives these: the commands, a flow's parameters, the
stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_text
from stepsearch_core.base.limits import problems
from stepsearch_core.params.rules import broken_rules
from stepsearch_core.params.schema import Params
from stepsearch_core.params.values import for_omegaconf, lay_over, parse_yaml


class ParamsError(ValueError):
    """Parameters that do not fit the schema or each other; the message names file and key.

    `problems` has the message of each of them, without the file, where what is wrong are values.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def load_params(path: Path | str = "params.yaml", overrides: list[str] | None = None) -> Params:
    """Read and validate a parameter file; `overrides` are `key.sub=value` laid over it (`values.lay_over`).

    Raises:
        ParamsError: no such file, not YAML, an unknown key, a wrong type, a value outside its limits or a
            broken rule.
    """
    path = Path(path)
    try:
        params = _merged(path, overrides or [])
        found = problems(params) or broken_rules(params)
    except DataError as error:
        raise ParamsError(f"{path}: {error.problem}") from None
    except YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {_one_line(error)}") from None
    except RecursionError:
        raise ParamsError(f"{path}: nested too deeply") from None
    except OmegaConfBaseException as error:
        raise ParamsError(f"{path}: {_with_key(error)}") from None
    except (
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # ours, and OmegaConf's on values that are no mapping
        raise ParamsError(f"{path}: {_one_line(error)}") from None
    if found:
        raise ParamsError(f"{path}: {'; '.join(found)}", found)
    return params


def _merged(path: Path, overrides: list[str]) -> Params:
    values = parse_yaml(read_text(path))
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ValueError(f"expected a mapping of sections, found {type(values).__name__}")
    for override in overrides:
        lay_over(values, override)
    config = OmegaConf.merge(OmegaConf.structured(Params), for_omegaconf(values))
    params = OmegaConf.to_object(config)
    assert isinstance(params, Params)
    return params


def _with_key(error: OmegaConfBaseException) -> str:
    """OmegaConf's message with the key that it is about, if it says so."""
    message, _, _ = str(error).partition("full_key:")  # what follows is for OmegaConf's own users
    key = getattr(error, "full_key", None)
    return f"{key}: {_one_line(message)}" if key else _one_line(message)


def _one_line(error: object) -> str:
    """A message of several lines as one, of bounded length."""
    return shorten(" ".join(str(error).split()), 300, placeholder=" ...")
