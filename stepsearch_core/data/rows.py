"""The rows of a file, JSON lines, a JSON array or a CSV table; each knows its place."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

from stepsearch_core.base.errors import DataError, refuse
from stepsearch_core.base.io import read_json, read_jsonl, read_text
from stepsearch_core.data.row import Row

SUFFIXES = (".json", ".jsonl", ".csv")


def read_rows(path: Path | str, refused: Callable[[DataError], None] = refuse) -> Iterator[Row]:
    """Yield the rows of a file: a JSON array or JSON lines (`.json`, `.jsonl`), or a `.csv` table.

    Which kind of JSON it is, its first character says: `[` begins an array. Published files have either
    suffix.

    Args:
        path: UTF-8 text, with or without a byte-order mark.
        refused: Gets the error of a line, element or table row that is no row; if it returns, that one is
            left out.

    Raises:
        DataError: missing file, unknown suffix, wrong encoding, damage to the whole, no row at all, or
            what `refused` raised.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("no such file", path)
    if path.suffix.lower() not in SUFFIXES:
        unpack = "; unpack it first" if path.suffix in (".gz", ".bz2", ".xz", ".zip", ".zst") else ""
        raise DataError(f"unknown kind of file {path.suffix!r} (known: {', '.join(SUFFIXES)}){unpack}", path)
    empty = True

    def refused_one(error: DataError) -> None:
        nonlocal empty
        empty = False
        refused(error)

    for row in _rows(path, refused_one):
        empty = False
        yield row
    if empty:
        raise DataError("no rows", path)


def _rows(path: Path, refused: Callable[[DataError], None]) -> Iterator[Row]:
    if path.suffix.lower() == ".csv":
        return _csv_rows(path, refused)
    return _array_rows(path, refused) if _is_array(path) else _line_rows(path, refused)


def _is_array(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(1 << 16)
    return start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[")


def _line_rows(path: Path, refused: Callable[[DataError], None]) -> Iterator[Row]:
    for number, value in read_jsonl(path, refused):
        yield Row(f"{path}, line {number}", value)


def _array_rows(path: Path, refused: Callable[[DataError], None]) -> Iterator[Row]:
    for number, value in enumerate(read_json(path)):
        place = f"{path}, row {number}"
        if isinstance(value, dict):
            yield Row(place, value)
        else:
            refused(DataError(f"expected an object, found {type(value).__name__}", place))


def _csv_rows(path: Path, refused: Callable[[DataError], None]) -> Iterator[Row]:
    reader = csv.DictReader(StringIO(read_text(path), newline=""), strict=True)
    try:
        for value in reader:
            # Surplus cells come under the key None, missing ones as the value None.
            if None in value or None in value.values():
                refused(DataError(f"expected {len(reader.fieldnames or ())} columns", path, reader.line_num))
            else:
                yield Row(f"{path}, line {reader.line_num}", value)
    except csv.Error as error:
        raise DataError(f"not CSV: {error}", path, reader.line_num) from None
