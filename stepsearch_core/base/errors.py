"""Errors that say what to do: bad input with its place, a full disk, work that an outside cause ends."""

from __future__ import annotations

import copyreg
import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_WORDS = re.compile(
    r"No space left on device|File too large|Disk quota exceeded|requested and \d+ written"
    r"|PytorchStreamWriter failed writing|inline_container.* unexpected pos"
)


class DataError(ValueError):
    """Bad input. The message names the file and, where they apply, the line or row and the field.

    The parts of the message are kept: `place` (file and line or row), `field` and `problem`.
    """

    def __init__(
        self, message: str, path: Path | str, line: int | None = None, field: str | None = None
    ) -> None:
        self.place = str(path) + (f", line {line}" if line is not None else "")
        self.field, self.problem = field, message
        super().__init__(f"{self.place}: {f'field {field!r}: ' if field else ''}{message}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes: made again with their text, not from its parts."""
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]


class DiskFullError(DataError):
    """No space is left for a file, a quota is used up, or the file is larger than the system allows."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"could not be written, the disk is full or a limit is reached: {reason}", path)
        self.path, self.reason = path, reason


class ExplainedError(RuntimeError):
    """Work that cannot go on for a reason outside of the code, which the message explains in one line."""


class UnreachableError(ExplainedError):
    """A service on the network gave no answer: the same work may succeed later."""


def refuse(error: DataError) -> None:
    """What a reader does about a bad row unless it is told otherwise: it raises the error."""
    raise error


@contextmanager
def naming_full_disk(path: Path | str, temporary: Path | None = None) -> Iterator[None]:
    """Around the writing of `path` (at first as `temporary`): no space left is one error, whoever wrote.

    NumPy, FAISS, safetensors and torch write in native code and say only in words what went wrong.

    Raises:
        DiskFullError: of `path`, or of a file in it if that is known.
    """
    try:
        yield
    except DiskFullError as error:
        if temporary is None or not error.path.is_relative_to(temporary):
            raise
        raise DiskFullError(Path(path) / error.path.relative_to(temporary), error.reason) from None
    except DataError:
        raise
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) and error.errno in _FULL else str(error)
        if not _FULL_WORDS.search(reason or ""):
            raise
        raise DiskFullError(Path(path), str(reason)) from None
