"""Where a parameter stands: the line of a file of its profile, or the override that was laid over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

_DEEPEST = 4
"""Levels of keys: an alias can lead back to where it stands."""


class Places:
    """The places of the parameters of a profile with overrides (`key.sub=value`)."""

    def __init__(self, files: Sequence[Path], overrides: Sequence[str] = ()) -> None:
        """Of the `files` that the profile is made of, the last one lies on top."""
        self.path = files[-1]
        self._overridden = {override.partition("=")[0].strip(): override for override in overrides}
        self._lines = {key: f"{file}, line {line}" for file in files for key, line in _lines(file).items()}

    def place_of(self, key: str) -> str:
        """File and line of a dotted key, or of the nearest section around; an override stands for itself."""
        while key:
            if key in self._overridden:
                return f"override {self._overridden[key]}"
            if key in self._lines:
                return self._lines[key]
            key = key.rpartition(".")[0]
        return str(self.path)


def _lines(path: Path) -> dict[str, int]:
    """Line, from 1, of every dotted key of a YAML file; none of an unreadable file (said elsewhere)."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return {}
    found: dict[str, int] = {}
    pending = [("", root)]
    while pending:
        prefix, node = pending.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name = f"{prefix}{key.value}"
                found[name] = key.start_mark.line + 1
                if name.count(".") < _DEEPEST:
                    pending.append((f"{name}.", value))
    return found
