"""Where the schema has its default values from: `stepsearch_core/defaults.yaml`, the base of all profiles.

The schema says types and limits. So a new parameter is one line there and one in the schema, and what is
built by hand (`TrainParams(steps=5)`) has the values of a profile that says nothing else.

The file lies outside of the folders that stages depend on, so editing it makes no stage stale: `load_params`
takes whole files alone, and no result can depend on a default.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field
from functools import cache
from inspect import get_annotations
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

import yaml

from stepsearch_core.base.errors import DataError

DEFAULTS = Path(__file__).parents[1] / "defaults.yaml"
_Section = TypeVar("_Section")


@dataclass_transform()
def section(key: str = "") -> Callable[[type[_Section]], type[_Section]]:
    """A dataclass whose fields have as defaults the values of the section `key` of `DEFAULTS`.

    Fields are declared by `base.limits`; those with a default of their own are sections in it.

    Raises:
        DataError: the section has a key that the class lacks, or lacks one.
    """

    def with_defaults(declared: type[_Section]) -> type[_Section]:
        values, names = _section(key), get_annotations(declared)
        for name in values.keys() ^ names.keys():
            problem = "no such field in the schema" if name in values else "missing"
            raise DataError(problem, DEFAULTS, field=f"{key}.{name}" if key else name)
        for name in names:
            setattr(declared, name, _with_default(vars(declared)[name], values[name]))
        return dataclass(declared)

    return with_defaults


def _with_default(declared: Field[Any], value: Any) -> Field[Any]:
    if declared.default_factory is not MISSING:
        return declared
    return field(default_factory=lambda: copy.copy(value), metadata=declared.metadata)


def _section(key: str) -> dict[str, Any]:
    values = read_defaults()
    for name in key.split(".") if key else ():
        values = values[name]
    return values


@cache
def read_defaults() -> dict[str, Any]:
    """The sections of `DEFAULTS`, as YAML has them without a schema."""
    values: dict[str, Any] = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
    return values
