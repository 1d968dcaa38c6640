"""The page of a study: sections, charts and cases laid into the templates, which escape all text.

Style sheet, tables and the article of an answered question are the report's; what only a study has stands in
templates of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepsearch_core.report.page import TEMPLATES, page_environment
from stepsearch_core.report.trajectories import KeptTrajectory
from stepsearch_core.studies import cases, charts, intervals
from stepsearch_core.studies.early_late import early_and_late
from stepsearch_core.studies.headline import describe, findings
from stepsearch_core.studies.outcomes import Outcome
from stepsearch_core.studies.sections import sections
from stepsearch_core.studies.tables import Analysis, compared, labels


def render_study(
    analysis: Analysis, outcomes: Sequence[Outcome], kept: Sequence[KeptTrajectory] = ()
) -> str:
    """The whole page as one HTML document that loads nothing from anywhere.

    Args:
        analysis: of the study.
        outcomes: that it is of; questions come from these.
        kept: what training kept of its trajectories in a run of the variant that the study is about.
    """
    templates = page_environment("stepsearch_core.studies", TEMPLATES)
    return templates.get_template("study.html").render(_context(analysis, outcomes, kept))


def _context(
    analysis: Analysis, outcomes: Sequence[Outcome], kept: Sequence[KeptTrajectory]
) -> dict[str, Any]:
    curves = {
        setting: charts.curve_charts(analysis, setting)
        for setting in labels(analysis["settings"])
        if analysis["curves"].get(setting)
    }
    return {
        "analysis": analysis,
        "title": analysis["title"] or analysis["study"],
        "settings": labels(analysis["settings"]),
        "variants": labels(analysis["variants"]),
        "compared": compared(analysis),
        "lines": charts.tones(analysis),
        "findings": findings(analysis),
        "described": describe(analysis),
        "sections": sections(analysis),
        "curves": curves,
        "curve_data": {
            chart.key: chart.data for groups in curves.values() for group in groups for chart in group
        },
        "differences": intervals.difference_rows(analysis),
        "ratios": intervals.ratio_rows(analysis),
        "scores": intervals.score_rows(analysis),
        "cases": cases.choose_cases(analysis, outcomes),
        "case_counts": cases.counts(analysis, outcomes),
        "kinds": cases.KINDS,
        "pairs": early_and_late(kept),
    }
