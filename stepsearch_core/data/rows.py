"""Rows of a data file with typed access to their fields, so that all readers report damage alike.

A `Row` knows its place (file and line, or file and row for JSON arrays); asking it for a field gives a
value of the right type or a `DataError` that names place and field. Some published exports hold nested
columns as the text of a JSON or Python literal; `Row.items` decodes those.
"""

from __future__ import annotations

import ast
import codecs
import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError, refuse
from stepsearch_core.base.io import read_json, read_jsonl, read_text

SUFFIXES = (".json", ".jsonl", ".csv")


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a file. `place` names file and line or row; `prefix` is the field that it is nested
    in.
    """

    place: str
    value: dict[str, Any]
    prefix: str = ""

    def error(self, field: str, message: str) -> DataError:
        """A DataError at this row's place about `field`."""
        return DataError(message, self.place, field=self.prefix + field)

    def get(self, field: str) -> Any:
        """The raw value.

        Raises:
            DataError: the row has no such field.
        """
        if field not in self.value:
            raise self.error(field, "missing")
        return self.value[field]

    def text(self, field: str) -> str:
        """A non-empty string, without blanks around it.

        Raises:
            DataError: missing, not a string, blank, or not encodable (a lone surrogate).
        """
        value = self.string(field).strip()
        if not value:
            raise self.error(field, "empty")
        return value

    def string(self, field: str) -> str:
        """A string as it stands: it may be empty, and blanks around it are kept.

        Raises:
            DataError: missing, not a string, or not encodable.
        """
        return self._string(field, self.get(field))

    def strings(self, field: str) -> tuple[str, ...]:
        """A list of strings as they stand: blank ones and blanks around them are kept.

        Raises:
            DataError: missing, not a list, or an element that is not a string.
        """
        return tuple(self._string(f"{field}[{i}]", item) for i, item in enumerate(self.items(field)))

    def integer(self, field: str) -> int:
        """An integer.

        Raises:
            DataError: missing or of another type.
        """
        value = self.get(field)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(field, f"expected an integer, found {type(value).__name__}")
        return value

    def items(self, field: str) -> list[Any]:
        """A list, or the text of one (JSON or a Python literal).

        Raises:
            DataError: missing, not a list, or text that is not the text of a list.
        """
        value = self.get(field)
        if isinstance(value, str):
            value = _decode_literal(value)
        if not isinstance(value, list):
            raise self.error(field, f"expected a list, found {type(self.get(field)).__name__}")
        return value

    def objects(self, field: str) -> list[Row]:
        """A list of objects, each a row of its own.

        Raises:
            DataError: missing, not a list, or an element that is not an object.
        """
        rows = []
        for i, item in enumerate(self.items(field)):
            if not isinstance(item, dict):
                raise self.error(f"{field}[{i}]", f"expected an object, found {type(item).__name__}")
            rows.append(Row(self.place, item, f"{self.prefix}{field}[{i}]."))
        return rows

    def tuples(self, field: str, names: tuple[str, ...]) -> list[Row]:
        """A list of lists with one element for each of `names`, each given as a row with these fields.

        Raises:
            DataError: missing, not a list, or an element of another shape.
        """
        rows = []
        for i, item in enumerate(self.items(field)):
            if not isinstance(item, list | tuple) or len(item) != len(names):
                raise self.error(f"{field}[{i}]", f"expected a list of {len(names)} ({', '.join(names)})")
            rows.append(Row(self.place, dict(zip(names, item, strict=True)), f"{self.prefix}{field}[{i}]."))
        return rows

    def _string(self, field: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self.error(field, f"expected text, found {type(value).__name__}")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise self.error(field, f"not Unicode text ({error.reason})") from None
        return value


def read_rows(path: Path | str, refused: Callable[[DataError], None] = refuse) -> Iterator[Row]:
    """Yield the rows of a file: a JSON array or JSON lines (`.json`, `.jsonl`), or a `.csv` table with a
    header.

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
    if path.suffix not in SUFFIXES:
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
    if path.suffix == ".csv":
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


def _decode_literal(text: str) -> Any:
    """The value whose JSON or Python text this is, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
