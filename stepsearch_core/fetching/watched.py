"""What of `fetch.folder` DVC watches: its files, through links to files and where it is a link itself.
Into a link to a directory inside it DVC does not look.

That names stay inside the folder at all is a rule of the parameters (`params.rules`).
"""

from __future__ import annotations

from pathlib import Path, PurePath

from stepsearch_core.data.documents import document_files

UNWATCHED = "a link to a directory, into which DVC does not look: changes would go unseen"


def unwatched_link(folder: Path | str, name: str) -> Path | None:
    """The first link to a directory between the folder and what lies in it under this name, or below it."""
    path = Path(folder)
    for part in PurePath(name).parts:
        path = path / part
        if path.is_symlink() and path.is_dir():
            return path
    return next((link for link in document_files(path) if link.is_dir()), None)
