"""A study as Markdown: what it comes to, and the tables of its page."""

from __future__ import annotations

from stepsearch_core.report.markdown import line, table_lines
from stepsearch_core.studies.headline import describe, findings
from stepsearch_core.studies.sections import sections
from stepsearch_core.studies.tables import Analysis


def study_markdown(analysis: Analysis) -> str:
    """The findings, and every table of the page with small print in brackets."""
    lines = [f"# {line(analysis['title'] or analysis['study'])}", ""]
    for finding in findings(analysis):
        place = f"{finding.setting}: " if finding.setting else ""
        lines += [f"**{line(place + finding.sentence)}**", ""]
    lines += [line(describe(analysis)), ""]
    for section in sections(analysis):
        lines += [f"## {section.title}", ""]
        for text in filter(None, (section.text, section.note)):
            lines += [text, ""]
        tables = [table for grid in (*section.grids, *section.folded) for table in grid.tables()]
        for table in (*tables, *section.tables):
            lines += [f"### {line(table.title)}", ""] if table.title else []
            lines += [*table_lines(table), ""]
    return "\n".join(lines)
