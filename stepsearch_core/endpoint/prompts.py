"""What models are told: files that come along, or those of parameters."""

from __future__ import annotations

from pathlib import Path

from stepsearch_core.base.errors import DataError


def read_prompt(file: str | None, usual: Path, key: str) -> str:
    """The text of a file; of the one that comes along, if there is none.

    Args:
        file: what a parameter names, or None.
        usual: comes along.
        key: of the parameter, for errors.

    Raises:
        DataError: the file cannot be read, or holds nothing.
    """
    path = usual if file is None else Path(file)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", path, field=key) from error
    if not text.strip():
        raise DataError("holds nothing", path, field=key)
    return text
