"""Tables of a study, as its page and its Markdown print them: blocks of rows under the same heads.

`Analysis` is what `analysis.json` holds; here is also how its variants and settings are called.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stepsearch_core.report.results import DASH, Cell, Row, interval, number
from stepsearch_core.report.tables import Table

Analysis = Mapping[str, Any]
Found = Mapping[str, Any] | None
"""A value with its interval and more, as the analysis has it; None where there is none."""

NEVER = "never"
SHORT = 24
"""Characters of a label that fits into the head of a column."""
EVERYWHERE = "All runs"
"""What a study without settings has in their place."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What the rows of a block have in common, and what it is."""

    label: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Blocks of rows under the same heads, each a name and what stands small below it."""

    title: str
    heads: tuple[tuple[str, str], ...]
    blocks: tuple[tuple[Topic, tuple[Row, ...]], ...]

    def tables(self) -> Iterator[Table]:
        """A plain table a block, with small print in brackets."""
        header = ("", *(f"{name} ({small})" if small else name for name, small in self.heads))
        for topic, rows in self.blocks:
            title = f"{self.title}. {topic.label}" if topic.label else self.title
            yield Table(title, header, tuple((row.label, *map(in_brackets, row.cells)) for row in rows))


def in_brackets(cell: Cell) -> str:
    """A value with what is said of it in brackets behind it."""
    said = "; ".join(filter(None, (cell.interval, cell.note)))
    return f"{cell.value} ({said})" if said else cell.value


def labels(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What the variants or the settings of an analysis are called, by their names."""
    return {entry["name"]: entry["label"] or entry["name"] for entry in entries}


def subject(analysis: Analysis) -> str | None:
    """The variant that the study is about: its first, unless that is the baseline, of which all others are
    changes.
    """
    first: str = analysis["variants"][0]["name"]
    return None if first == analysis["baseline"] else first


def compared(analysis: Analysis) -> str | None:
    """The first variant beside the baseline; None where there is no other."""
    names = (entry["name"] for entry in analysis["variants"])
    return next((name for name in names if name != analysis["baseline"]), None)


def against(analysis: Analysis) -> str:
    """What the baseline is called in the heads of tables: its label, if that is short."""
    label = labels(analysis["variants"])[analysis["baseline"]]
    return label if len(label) <= SHORT else "the baseline"


def of_setting(title: str, label: str) -> str:
    """A title with the setting that it is of, if the study has several."""
    return f"{title}: {label}" if label else title


def cell(found: Found, digits: int, signed: bool = False, note: str = "") -> Cell:
    """A value with its interval, a dash where there is none."""
    if found is None:
        return Cell(DASH, "", note)
    return Cell(number(found["value"], digits, signed), bounds(found, digits, signed), note)


def bounds(found: Mapping[str, Any], digits: int, signed: bool = False) -> str:
    """`low to high`; nothing where an end is missing."""
    return interval({end: found.get(end) for end in ("low", "high")}, digits, signed)


def rows_of(analysis: Analysis, cells: Mapping[str, Iterable[Cell]]) -> tuple[Row, ...]:
    """A row a variant; those of the study's subject and of the baseline are of kinds of their own."""
    called = labels(analysis["variants"])
    kinds = {subject(analysis): "subject", analysis["baseline"]: "baseline"}
    return tuple(Row(kinds.get(name, "variant"), called[name], tuple(row)) for name, row in cells.items())
