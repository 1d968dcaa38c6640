"""A row of a data file with typed access to its fields, so that all readers report damage alike.

A `Row` knows its place (file and line, or file and row for JSON arrays); asking it for a field gives a
value of the right type or a `DataError` that names place and field. Some published exports hold nested
columns as the text of a JSON or Python literal; `Row.items` decodes those.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from stepsearch_core.base.errors import DataError

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Row:
    """An object of a file. `place` names file and line or row, `prefix` the field that it is nested in."""

    place: str
    value: dict[str, Any]
    prefix: str = ""

    def error(self, field: str, message: str) -> DataError:
        """A DataError at this row's place about `field`."""
        return DataError(message, self.place, field=self.prefix + field)

    def has(self, field: str) -> bool:
        """Whether the row says anything there: no null and no blank text, which tables hold for nothing."""
        value = self.value.get(field)
        return value is not None and (not isinstance(value, str) or bool(value.strip()))

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

    def identifier(self, field: str) -> str:
        """A name that may be written as a whole number.

        Raises:
            DataError: neither a whole number nor what `text` gives.
        """
        value = self.get(field)
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else self.text(field)

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

    def number(self, field: str) -> float:
        """A number, whole or not.

        Raises:
            DataError: missing or of another type.
        """
        value = self.get(field)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.error(field, f"expected a number, found {type(value).__name__}")
        return value

    def flag(self, field: str) -> bool:
        """True or false.

        Raises:
            DataError: missing or of another type.
        """
        value = self.get(field)
        if not isinstance(value, bool):
            raise self.error(field, f"expected true or false, found {type(value).__name__}")
        return value

    def choice(self, kind: type[Choice], field: str) -> Choice:
        """The member of an enumeration with this text.

        Raises:
            DataError: missing, not a string, or no member's text.
        """
        value = self.string(field)
        if value not in list(kind):
            raise self.error(field, f"{value!r} is not one of {', '.join(map(repr, map(str, kind)))}")
        return kind(value)

    def optional(self, read: Callable[[str], Value], field: str) -> Value | None:
        """What `read`, a method of this row, makes of a field; None if the field holds null.

        Raises:
            DataError: missing, or what `read` raises.
        """
        return None if self.get(field) is None else read(field)

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

    def object(self, field: str) -> Row:
        """An object, as a row of its own.

        Raises:
            DataError: missing, or not an object.
        """
        value = self.get(field)
        if not isinstance(value, dict):
            raise self.error(field, f"expected an object, found {type(value).__name__}")
        return Row(self.place, value, f"{self.prefix}{field}.")

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
