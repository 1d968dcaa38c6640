"""The point of the grid that each variant takes: the best by validation questions, test questions unseen.

What a point comes to is its validation F1, the mean over validations and replicates: fast learning counts as
well as its end. Of equals the first of the grid is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from stepsearch_core.metrics.measures import VALIDATION
from stepsearch_core.studies.runs import Run

F1 = f"{VALIDATION}f1"
Grids = dict[str, dict[str, Any]]
"""Variant -> `grid`: [{point, score, scores}], and the `chosen` point; None where nothing is whole."""


def score_of(log: Sequence[Mapping[str, Any]]) -> float:
    """The mean of a run's validations of F1; `log` has at least one, before the first step."""
    return fmean(row[F1] for row in log if F1 in row)


def grids(runs: Sequence[Run], scores: Mapping[Run, float], replicates: int) -> Grids:
    """What the points of every variant came to, and the best.

    Args:
        runs: of the grid.
        scores: of those that are done.
        replicates: that a point has to have, to be chosen.
    """
    found: Grids = {}
    for run in runs:
        grid = found.setdefault(run.variant, {"grid": [], "chosen": None})["grid"]
        row = next((row for row in grid if row["point"] == run.point), None)
        if row is None:
            row = {"point": dict(run.point or {}), "score": None, "scores": []}
            grid.append(row)
        if run in scores:
            row["scores"].append(scores[run])
    for entry in found.values():
        for row in entry["grid"]:
            row["score"] = fmean(row["scores"]) if len(row["scores"]) == replicates else None
        if all(row["score"] is not None for row in entry["grid"]):
            entry["chosen"] = max(entry["grid"], key=lambda row: row["score"])["point"]
    return found


def chosen_points(tuned: Grids) -> dict[str, Mapping[str, str]]:
    """The chosen point of each variant that has one."""
    return {name: entry["chosen"] for name, entry in tuned.items() if entry["chosen"] is not None}
