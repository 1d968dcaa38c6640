"""The sections of a study's page and of its Markdown: a title, what it says, its tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stepsearch_core.report.results import F1
from stepsearch_core.report.tables import Table
from stepsearch_core.studies.about import missing_table, provenance_tables, study_tables, tuning_table
from stepsearch_core.studies.behaviour import behaviour_by_benchmark, behaviour_table, explained
from stepsearch_core.studies.learning_speed import cost_table, efficiency_table
from stepsearch_core.studies.replicates import POWER
from stepsearch_core.studies.results import main_tables
from stepsearch_core.studies.tables import Analysis, Grid


@dataclass(frozen=True, slots=True)
class Section:
    """`note` is in small print; `folded` tables are behind a line to open, on a page that can."""

    key: str
    title: str
    text: str
    note: str = ""
    grids: tuple[Grid, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Grid, ...] = ()


def sections(analysis: Analysis) -> list[Section]:
    """All that have something to say."""
    return list(_sections(analysis))


def _sections(analysis: Analysis) -> Iterator[Section]:
    sure = f"{analysis['confidence']:.0%}"
    yield Section(
        "results",
        "Results",
        f"Means over replicates (a training seed with a world each) and questions; small print: {sure}"
        " intervals. Differences are paired by replicate and question; p-values are corrected for all"
        " variants (Holm); “detects” is the true difference that a study of this size finds in"
        f" {POWER:.0%} of cases, before correction.",
        grids=tuple(main_tables(analysis)),
    )
    yield Section(
        "efficiency",
        "Sample efficiency",
        f"The goal is where the baseline ends: how many trajectories a variant was trained on when its"
        f" validation {F1.label} came there, as a ratio to what the baseline itself needed (below 1 is"
        " faster), and as a share of all that the baseline was given. Where a run never comes there, the"
        " mean is not known.",
        grids=(efficiency_table(analysis),),
    )
    yield Section(
        "behaviour",
        "Search behaviour",
        "Of the answers to held-out questions in the end. Each measure is tested by itself: of twenty that"
        " do not differ one has a p-value below .05.",
        f"{explained()}.",
        grids=(behaviour_table(analysis),),
        folded=tuple(behaviour_by_benchmark(analysis)),
    )
    tuned = tuning_table(analysis)
    if tuned:
        yield Section(
            "tuning",
            "Tuning",
            "Every method had the same grid, on replicates of its own, and its best"
            f" point by validation {F1.label} was chosen; test questions had no part in it.",
            grids=(tuned,),
        )
    yield Section("cost", "Cost", "", grids=(cost_table(analysis),))
    missing = missing_table(analysis)
    if missing:
        yield Section("missing", "Missing runs", "What is above is without them.", tables=(missing,))
    yield Section("study", "The study", "", tables=tuple(study_tables(analysis)))
    made = tuple(provenance_tables(analysis))
    if made:
        yield Section("provenance", "Provenance", "", tables=made)
