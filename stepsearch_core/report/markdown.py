"""The results as Markdown: the headline, a table a measure, the pairs, and what all of it is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stepsearch_core.params import GAIN
from stepsearch_core.report.inputs import Metrics, Provenance
from stepsearch_core.report.pairs import EXPLAINED, pair_rows
from stepsearch_core.report.provenance import asked_how, label, measured_on, remarks
from stepsearch_core.report.results import (
    ANSWER_MEASURES,
    BEHAVIOUR_MEASURES,
    Cell,
    Row,
    asked,
    columns,
    headline,
    name_of,
    rows,
)
from stepsearch_core.report.tables import Table


def results_markdown(metrics: Metrics, confidence: float, provenance: Provenance | None) -> str:
    """The headline and a Markdown table per measure, every value with its interval in brackets."""
    lines = ["# Results", "", headline(metrics, confidence).sentence, ""]
    lines += [line for remark in remarks(provenance) for line in (f"**{remark}.**", "")]
    lines += [f"Intervals: {confidence:.0%}, bootstrap over questions.", ""]
    lines += ["Gain and change: trained minus warm start, paired by question.", ""] * (GAIN in metrics)
    for measure in (*ANSWER_MEASURES, *BEHAVIOUR_MEASURES):
        explained = measure.explanation[:1].upper() + measure.explanation[1:]
        said = ". ".join(filter(None, (explained, label(provenance))))
        heads = [f"{name_of(key)} ({asked(metrics, key, provenance, measure)})" for key in columns(metrics)]
        table = _table(measure.label, heads, rows(metrics, measure))
        lines += [f"## {measure.label}", "", f"{said}.", "", *table_lines(table), ""]
    for measure, pairs in pair_rows(metrics):
        table = _table(measure.label, list(map(name_of, columns(metrics))), pairs)
        lines += [f"## {measure.label}, pairs of policies", "", EXPLAINED, "", *table_lines(table), ""]
    for table in (*measured_on(provenance), *asked_how(provenance)):
        lines += [f"## {table.title}", "", *table_lines(table), ""]
    return "\n".join(lines)


def table_lines(table: Table) -> list[str]:
    """A table without its title; the first column names the row, the others are flush right."""
    header, *body = ("| " + " | ".join(map(_escaped, row)) + " |" for row in (table.header, *table.rows))
    return [header, "| --- |" + " ---: |" * (len(table.header) - 1), *body]


def _table(title: str, heads: Sequence[str], rows: Iterable[Row]) -> Table:
    return Table(title, ("", *heads), tuple((row.label, *map(_in_brackets, row.cells)) for row in rows))


def line(text: str) -> str:
    """Text as one line: a `<` would begin a tag."""
    return text.replace("<", "&lt;").replace("\n", " ")


def _escaped(text: str) -> str:
    """Text within a cell: a bar would end it."""
    return line(text).replace("|", "\\|")


def _in_brackets(cell: Cell) -> str:
    """A value with what is said of it in brackets behind it."""
    said = "; ".join(filter(None, (cell.interval, cell.note)))
    return f"{cell.value} ({said})" if said else cell.value
