"""What of `fetch.folder` DVC watches: its files, through links to files and where it is a link itself.
Into a link to a directory inside it DVC does not look, and a link to nothing ends it, wherever below the
folder and of whatever name.

That names stay inside the folder at all is a rule of the parameters (`params.rules`).
"""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from stepsearch_core.data.documents import document_files

UNWATCHED = "a link to a directory, into which DVC does not look: changes would go unseen"
DEAD = "a link to what is not there, at which DVC ends"


def unwatched_link(folder: Path | str, name: str) -> Path | None:
    """The first link to a directory between the folder and what lies in it under this name, or below it."""
    path = Path(folder)
    for part in PurePath(name).parts:
        path = path / part
        if path.is_symlink() and path.is_dir():
            return path
    return next((link for link in document_files(path) if link.is_dir()), None)


def dead_link(folder: Path | str) -> Path | None:
    """The first link to nothing (or to itself) that DVC finds below the folder."""
    paths = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return next((path for path in paths if path.is_symlink() and not path.exists()), None)
