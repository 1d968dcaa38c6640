"""An environment moved or copied with its checkout is told its new place: `python -m tasks.relocate`.

Scripts of an environment (`dvc`, `stepsearch`, `activate`) hold the path that it was made at; after `mv` of
a checkout they are "not found", and in a copy they run the original's code. The Makefile runs this before
anything else. It needs no network and nothing but Python.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

SHEBANG_LIMIT = 127
"""Bytes that every system reads of a script's first line, which also may hold no space in the path."""
_MADE_AT = re.compile(r"""^\s*VIRTUAL_ENV=["']?(/[^"'\n]*)""", re.MULTILINE)


def relocate(environment: Path) -> Path | None:
    """Make a virtual environment one of the place where it is; returns where it was made if elsewhere.

    Raises:
        OSError: a script cannot be read or written.
    """
    activate = environment / "bin" / "activate"
    made = _MADE_AT.search(activate.read_text(encoding="utf-8"))
    before = Path(made[1]) if made else environment
    if before.exists() and before.samefile(environment):
        return None
    scripts = [path for path in environment.glob("bin/*") if not path.is_symlink() and path != activate]
    for path in (*scripts, activate):  # which says where it was made, and so comes last
        _replace(path, str(before), str(environment))
    for pattern in (
        "__editable__*",
        "*.dist-info/direct_url.json",
    ):  # where the checkout's own code is imported from
        for path in environment.glob(f"lib/*/site-packages/{pattern}"):
            _replace(path, str(before.parent), str(environment.parent))
            _replace(path, before.parent.as_uri(), environment.parent.as_uri())
    return before


def _replace(path: Path, before: str, now: str) -> None:
    """Write one path for another in a text file, in a way that its first line still works."""
    content = path.read_bytes()
    if before.encode() not in content or b"\0" in content:
        return
    if path.name.startswith("activate"):  # for shells, which want some places in quotes
        quoted = shlex.quote(now).encode()
        path.write_bytes(
            re.sub(rb"([\"']?)" + re.escape(before.encode()) + rb"\1", lambda _: quoted, content)
        )
        return
    first, newline, rest = content.replace(before.encode(), now.encode()).partition(b"\n")
    if first.startswith(b"#!/") and (b" " in first[: len(now) + 2] or len(first) > SHEBANG_LIMIT):
        first = b"#!/bin/sh\n'''exec' \"" + first[2:] + b'" "$0" "$@"\n' + b"' '''"  # as pip writes them
    path.write_bytes(first + newline + rest)


def main() -> None:
    """Relocate the environment of this interpreter."""
    before = relocate(Path(sys.prefix))
    if before:
        print(
            f"relocate: the environment was made at {before}: its scripts name {sys.prefix} now",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
