"""Plain tables out of the other stages' reports (nested JSON objects), whatever they count.

An object of numbers becomes a two-column table, an object of such objects a grid, a list of objects a table
of rows; deeper nesting becomes several tables, each titled by its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stepsearch_core.report.results import DASH, name_of, number

HASH = re.compile(r"^([0-9a-f]{12})(?:[0-9a-f]{28}|[0-9a-f]{52})(\+\w+)?$")
"""A SHA-256 or a commit, shown by its beginning and what is said behind it."""


@dataclass(frozen=True, slots=True)
class Table:
    """Printed cells; the first column names the row."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def report_tables(report: dict[str, Any]) -> list[Table]:
    """All tables of a report, outer ones first."""
    return list(_tables(report, ""))


def cell_text(value: Any) -> str:
    """A value as the tables print it: shares with three digits, counts with thousands apart."""
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value, 3)
    if isinstance(value, list):
        return ", ".join(cell_text(item) for item in value) or DASH
    return HASH.sub(r"\1…\2", str(value))


def readable(key: str) -> str:
    """A field name as a reader reads it."""
    text = name_of(key).replace("_", " ")
    return text[:1].upper() + text[1:]


def _tables(report: dict[str, Any], title: str) -> Iterator[Table]:
    scalars = {key: value for key, value in report.items() if _is_scalar(value)}
    if scalars:
        yield Table(
            title, ("", "value"), tuple((readable(key), cell_text(value)) for key, value in scalars.items())
        )
    for key, value in report.items():
        path = f"{title}: {readable(key)}" if title else readable(key)
        if isinstance(value, dict) and value:
            yield from [_grid(value, path)] if _is_grid(value) else _tables(value, path)
        elif isinstance(value, list) and not _is_scalar(value):
            yield _listing(value, path)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, (dict, list)) for item in value)
    return not isinstance(value, dict)


def _is_grid(value: dict[str, Any]) -> bool:
    return all(
        isinstance(row, dict) and row and all(map(_is_scalar, row.values())) for row in value.values()
    )


def _grid(value: dict[str, dict[str, Any]], title: str) -> Table:
    header = tuple(dict.fromkeys(key for row in value.values() for key in row))
    rows = tuple(
        (readable(name), *(cell_text(row.get(key)) for key in header)) for name, row in value.items()
    )
    return Table(title, ("", *map(readable, header)), rows)


def _listing(value: list[dict[str, Any]], title: str) -> Table:
    header = tuple(dict.fromkeys(key for row in value for key in row))
    rows = tuple(tuple(cell_text(row.get(key)) for key in header) for row in value)
    return Table(title, tuple(map(readable, header)), rows)
