"""Files: atomic writing, text, JSON and JSON lines with errors that name the line.

A file appears whole or not at all: it is written beside its place and renamed. Every reader of outside data
goes through `read_text`, `read_json` or `read_jsonl`, so that damage is reported with file and line by one
piece of code. Text is UTF-8, with or without the byte-order mark that some editors and spreadsheets put
before it.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil

from stepsearch_core.base.errors import DataError, naming_full_disk, refuse


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`, which takes its place only if the block ends without an error.

    Raises:
        DiskFullError: no space is left.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        with naming_full_disk(path):
            with temporary.open(mode, encoding=None if "b" in mode else "utf-8") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path | str) -> Iterator[Path]:
    """A new folder to fill beside `folder`, which takes its place only if the block ends without an error.

    Raises:
        DiskFullError: no space is left.
    """
    folder = Path(folder)
    temporary = _temporary(folder)
    try:
        with naming_full_disk(folder, temporary):
            temporary.mkdir(parents=True)
            yield temporary
            give_usual_modes(temporary)
            if folder.exists():
                shutil.rmtree(folder)
            temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def give_usual_modes(folder: Path) -> None:
    """Files and folders in a folder that has just been made become readable to those to whom it is.

    Some libraries, safetensors among them, write a file under a temporary name that is for its owner's eyes
    alone (mode 600), and it keeps that mode. The new folder's own mode tells the umask, which cannot be read
    without being set.
    """
    mode = folder.stat().st_mode & 0o777
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(mode if path.is_dir() else mode & 0o666)


def discard(path: Path) -> None:
    """Remove a file or a folder with all in it. A folder goes as a whole: nobody ever finds half of it."""
    going = _temporary(path)
    path.replace(going)
    _remove(going)


def _temporary(path: Path) -> Path:
    """A name beside `path` for this process, free of what it or processes that were killed left there."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        owner = left.name.split(".")[-2]
        if owner == str(os.getpid()) or (owner.isdecimal() and not psutil.pid_exists(int(owner))):
            _remove(left)
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_array(path: Path | str, array: np.ndarray) -> None:
    """Write an array as `.npy`, atomically."""
    with atomic_write(path, "wb") as file:
        np.save(file, array)


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


def read_text(path: Path | str) -> str:
    """Read a text file.

    Raises:
        DataError: it is missing or not UTF-8.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path) from None
    _check_encoding(content[:4], path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"not UTF-8 text ({error.reason} at byte {error.start})", path, line) from None


def read_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        DataError: it is missing, not UTF-8, or not JSON.
    """
    return _parse_json(read_text(path), path)


def read_object(path: Path | str, fields: Iterable[str] = ()) -> dict[str, Any]:
    """Read a JSON file that holds an object with at least these fields.

    Raises:
        DataError: as `read_json`, or it is no object, or lacks a field.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(f"expected an object, found {type(value).__name__}", path)
    for field in fields:
        if field not in value:
            raise DataError("missing", path, field=field)
    return value


def read_jsonl(
    path: Path | str, refused: Callable[[DataError], None] = refuse
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for every non-blank line.

    Args:
        path: JSON lines.
        refused: Gets the error of a line that is not UTF-8, not JSON or no object; if it returns, the line
            is left out.

    Raises:
        DataError: the file is missing or in another encoding, or `refused` raised.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("no such file", path)
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if number == 1:
                _check_encoding(raw[:4], path)
                raw = raw.removeprefix(codecs.BOM_UTF8)
            if not raw.strip():
                continue
            try:
                row = _parse_line(raw, path, number)
            except DataError as error:
                refused(error)
            else:
                yield number, row


def _parse_line(raw: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        row = _parse_json(raw.decode("utf-8").rstrip(), path, number)
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 text ({error.reason} at byte {error.start})", path, number) from None
    if not isinstance(row, dict):
        raise DataError(f"expected an object, found {type(row).__name__}", path, number)
    return row


def _parse_json(text: str, path: Path | str, line: int | None = None) -> Any:
    """The value of a whole file or, given its number, of a line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"not JSON: {error.msg} (column {error.colno})", path, line or error.lineno
        ) from None
    except (ValueError, RecursionError) as error:  # a number of too many digits, or too deep a nesting
        raise DataError(f"not JSON: {error}", path, line) from None


def _check_encoding(start: bytes, path: Path) -> None:
    """Refuse what other programs call "Unicode text": no line of it could be read, all would look bad."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start:
        problem = (
            "UTF-16 or UTF-32 text; save it as UTF-8 (`iconv -f UTF-16 -t UTF-8 FILE > NEW` converts it)"
        )
        raise DataError(problem, path)
