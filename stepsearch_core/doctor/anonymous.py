"""What is attached to an issue names no folder, machine or user."""

from __future__ import annotations

import getpass
import re
import socket
from contextlib import suppress
from functools import cache

_FOLDERS = re.compile(r"(?<![\w/.:])~?/(?:[^\s/'\":,;()\[\]]+/)+")
_PACKAGES = re.compile(r"^.*/(?:site|dist)-packages/")
_KEPT = ("stepsearch_core/", "tasks/")
"""Folders of the project, which may be told."""


def without_places(text: str) -> str:
    """The text with `.../` for the folders of each absolute path but for those within a package."""
    for name in _names():
        text = re.sub(rf"\b{re.escape(name)}\b", "...", text)
    return _FOLDERS.sub(_shortened, text)


def _shortened(found: re.Match[str]) -> str:
    """What of the folders of a path may be told."""
    folders = found[0]
    if _PACKAGES.match(folders):
        return _PACKAGES.sub(".../", folders)
    for kept in _KEPT:
        if (place := folders.rfind(f"/{kept}")) >= 0:
            return f"...{folders[place:]}"
    return ".../"


@cache
def _names() -> tuple[str, ...]:
    """Of the machine and its user, if they are no words that a message could have."""
    names = {socket.gethostname()}
    with suppress(OSError, KeyError):  # of a user whom the system does not know
        names.add(getpass.getuser())
    return tuple(sorted(name for name in names if len(name) > 3 and name not in ("root", "localhost")))
