"""Files: atomic writing, JSON lines with errors that name the line, and content hashes.

A file appears whole or not at all: it is written beside its place and renamed. Every reader of outside data goes
through `read_jsonl` or `read_json`, so that damage is reported with file and line by one piece of code.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


class DataError(ValueError):
    """Bad input. The message names the file and, where they apply, the line or record and the field."""

    def __init__(self, message: str, path: Path | str, line: int | None = None, field: str | None = None) -> None:
        place = str(path) + (f", line {line}" if line is not None else "")
        super().__init__(f"{place}: {f'field {field!r}: ' if field else ''}{message}")


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`; it takes the place of `path` only if the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open(mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path | str) -> Iterator[Path]:
    """A new folder to fill beside `folder`; it takes the place of `folder` only if the block ends without an error."""
    folder = Path(folder)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic_write(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def write_jsonl(path: Path | str, rows: Iterable[Any]) -> int:
    """Write one JSON value a line, atomically; returns the number of lines."""
    count = 0
    with atomic_write(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def read_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        DataError: it is missing, not UTF-8, or not JSON.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 text ({error.reason} at byte {error.start})", path) from None
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg} (column {error.colno})", path, error.lineno) from None
    except (ValueError, RecursionError) as error:  # a number of too many digits, or too deep a nesting
        raise DataError(f"not JSON: {error}", path) from None


def read_jsonl(path: Path | str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for every non-blank line.

    Raises:
        DataError: the file is missing, or a line is not UTF-8, not JSON, or not an object.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("no such file", path)
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.strip():
                continue
            try:
                row = json.loads(raw.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise DataError(f"not UTF-8 text ({error.reason} at byte {error.start})", path, number) from None
            except json.JSONDecodeError as error:
                raise DataError(f"not JSON: {error.msg} (column {error.colno})", path, number) from None
            except (ValueError, RecursionError) as error:  # a number of too many digits, or too deep a nesting
                raise DataError(f"not JSON: {error}", path, number) from None
            if not isinstance(row, dict):
                raise DataError(f"expected an object, found {type(row).__name__}", path, number)
            yield number, row


def sha256_file(path: Path | str) -> str:
    """Hex SHA-256 of a file's bytes, read in chunks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """Hex SHA-256 of a value's canonical JSON (sorted keys): names runs by what made them."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
