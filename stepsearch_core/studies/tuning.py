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


def score_of(log: Sequence[Mapping[str, Any]]) -> float:
    """The mean of a run's validations of F1."""
    return fmean(row[F1] for row in log if F1 in row)


def grids(runs: Sequence[Run], scores: Mapping[int, float], replicates: int) -> dict[str, dict[str, Any]]:
    """Variant -> its `grid` of points with their scores, and the `chosen` one, None without a whole point.

    Args:
        runs: of the grid.
        scores: of those that are done, by their place among the runs.
        replicates: that a point has to have.
    """
    found: dict[str, dict[str, Any]] = {}
    for place, run in enumerate(runs):
        grid = found.setdefault(run.variant, {"grid": []})["grid"]
        point = next((row for row in grid if row["point"] == run.point), None)
        if point is None:
            point = {"point": dict(run.point or {}), "scores": [], "score": None}
            grid.append(point)
        if place in scores:
            point["scores"].append(scores[place])
    for entry in found.values():
        whole = [row for row in entry["grid"] if len(row["scores"]) == replicates]
        for row in whole:
            row["score"] = fmean(row["scores"])
        entry["chosen"] = max(whole, key=lambda row: row["score"])["point"] if whole else None
    return found
