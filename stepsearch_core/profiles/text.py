"""The text of a whole parameter file: the values of a chain of profiles, each with its comment.

The lowest file gives order, layout and what each parameter is. A profile's value brings the comment at the
end of its own line, if it has one, and loses what a base in between said of the value that it replaces; so
does the value of an override. The comment on top is the profile's; other comments on lines of their own stay
in its file.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import RoundTripRepresenter

from stepsearch_core.base.io import read_text
from stepsearch_core.params import Params, ParamsError, params_yaml
from stepsearch_core.params.values import is_section
from stepsearch_core.profiles.comments import comment_of, put, set_comment


def whole_text(files: Sequence[Path], params: Params, overrides: Sequence[str]) -> str:
    """The text of `params`, which the profile of these `files` (the lowest first) has with `overrides`.

    Raises:
        ParamsError: a file is not the YAML 1.2 that DVC reads.
    """
    whole, lowest = load(files[0]), load(files[0])
    whole.ca.comment = None
    for file in files[1:]:
        above = load(file)
        above.pop("base", None)
        above.setdefault("profile", file.stem)
        _lay(whole, above, lowest)
    keys = [override.partition("=")[0] for override in overrides]
    _correct(whole, _yaml().load(params_yaml(params)), lowest, keys)
    text = io.StringIO()
    _yaml().dump(whole, text)
    return _heading(files[-1], overrides) + text.getvalue()


def load(file: Path) -> Any:
    """A file's mapping with its comments, as ruamel.yaml keeps them.

    Raises:
        ParamsError: it is not the YAML 1.2 that DVC reads.
    """
    try:
        return _yaml().load(read_text(file))
    except (YAMLError, ValueError) as error:
        raise ParamsError(f"{file}: not YAML 1.2: {' '.join(str(error).split())}") from None


def _lay(whole: Any, above: Any, lowest: Any, key: str = "") -> None:
    """Put what a profile says of a section into the whole."""
    for name, value in above.items():
        inner = f"{key}.{name}" if key else name
        if is_section(inner) and value is not None:
            set_comment(whole, name, comment_of(above, name) or comment_of(whole, name))
            _lay(whole[name], value, lowest[name], inner)
        else:
            put(whole, name, value, comment_of(above, name) or comment_of(lowest, name))


def _correct(whole: Any, written: Any, lowest: Any, overridden: Sequence[str], key: str = "") -> None:
    """Put `written` wherever the whole says something else: what is overridden, and plain text that only the
    schema tells from a number.
    """
    for name, value in written.items():
        inner = f"{key}.{name}" if key else name
        if is_section(inner):
            _correct(whole[name], value, lowest[name], overridden, inner)
        elif _said(whole[name]) != _said(value):
            replaced = any(f"{inner}.".startswith(f"{o}.") or o.startswith(f"{inner}.") for o in overridden)
            put(whole, name, value, comment_of(lowest if replaced else whole, name))


def _said(value: Any) -> Any:
    """A value without the entries that are null, which need not be said."""
    if isinstance(value, Mapping):
        return {name: _said(item) for name, item in value.items() if item is not None}
    return value


def _heading(file: Path, overrides: Sequence[str]) -> str:
    """Which command wrote this, and the comment on top of the profile."""
    command = " ".join(["stepsearch profile", file.stem, *map(_printable, overrides)])
    own = list(takewhile(lambda line: line.startswith("#"), read_text(file).splitlines()))
    return "\n".join([f"# Written by: {command}", *(["#", *own] if own else []), "", ""])


def _printable(override: str) -> str:
    """An override on one line of a comment."""
    return override if override.isprintable() else repr(override)


class _Representer(RoundTripRepresenter):
    """Writes `null` in full."""


_Representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = 10**9
    yaml.preserve_quotes = True
    return yaml
