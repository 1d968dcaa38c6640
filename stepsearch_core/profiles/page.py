"""The page of all parameters, in Markdown: `stepsearch params > docs/parameters.md`.

Types and limits are the schema's; values and what a parameter is are those of the base of all profiles;
which stages read a section is what `dvc.yaml` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from stepsearch_core.base.io import read_text
from stepsearch_core.params import Params
from stepsearch_core.params.defaults import DEFAULTS
from stepsearch_core.params.values import is_section
from stepsearch_core.profiles.comments import comments
from stepsearch_core.profiles.text import load

_HEAD = """\
# Parameters

Written by `stepsearch params`. A default is the value in `stepsearch_core/defaults.yaml`, the base of all
[profiles](profiles.md). A changed value makes the stages stale that read its section, and what follows them.
"""


def parameters_page(pipeline: Path = Path("dvc.yaml")) -> str:
    """Every section of the schema as a table of its parameters: key, type, limits, default, meaning.

    Args:
        pipeline: says which stages read a section.

    Raises:
        DataError: `pipeline` cannot be read.
    """
    return "\n".join([_HEAD, *_section("", Params(), comments(load(DEFAULTS)), _readers(pipeline))])


def _section(
    key: str, section: Any, meanings: dict[str, str], readers: dict[str, list[str]]
) -> Iterator[str]:
    """The lines of a section, and of those in it."""
    stages = readers.get(key.partition(".")[0], [])
    if key:
        yield f"## {key}\n"
        yield " ".join(str(type(section).__doc__).split()) + "\n"
        yield f"Makes stale: {', '.join(stages) or 'no stage'}.\n"
    inner = []
    yield "| key | type | limits | default | what it is |"
    yield "| --- | --- | --- | --- | --- |"
    for declared in fields(section):
        name = f"{key}.{declared.name}" if key else declared.name
        if is_section(name):
            inner.append((name, getattr(section, declared.name)))
        else:
            kind = get_type_hints(type(section))[declared.name]
            limit = declared.metadata.get("limit")
            cells = [f"`{name}`", _type(kind), limit.wording if limit else ""]
            cells += [f"`{_text(getattr(section, declared.name))}`", meanings[name]]
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""
    for name, value in inner:
        yield from _section(name, value, meanings, readers)


def _readers(pipeline: Path) -> dict[str, list[str]]:
    """The stages that name each section among their parameters; the report names none but all."""
    found: dict[str, list[str]] = {}
    for stage, entry in yaml.safe_load(read_text(pipeline))["stages"].items():
        for section in entry["params"]:
            if isinstance(section, str):
                found.setdefault(section, []).append(stage)
    return found


def _type(kind: Any) -> str:
    name = kind.__name__ if isinstance(kind, type) and not getattr(kind, "__args__", ()) else str(kind)
    return name.replace("stepsearch_core.params.stages.", "").replace("None", "null")


def _text(value: Any) -> str:
    """A value as YAML in one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**9).removesuffix("\n...\n").strip()
