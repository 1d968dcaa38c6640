"""The same small grid for every algorithm, by F1 of validation questions on worlds that are not the default.

Every algorithm has the budget of trajectories that the default profile gives a step. What a point of the
grid comes to is its mean over worlds and validations, so that fast learning counts as well as its end. Rows
go to `perf/tuning.jsonl`, which is committed; a row that stands there is not made again. No test question is
looked at.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from perf.measure import report
from perf.runs import Point, commit, prepared, rows_of, validation_curve

ROWS = Path("perf/tuning.jsonl")
COPIES = Path("checkpoints/tuning")
WORLDS = {11: 1, 13: 2, 17: 3}
"""Seeds of worlds, each with the seed of what is drawn on it."""
BUDGET = ("train.steps=20", "train.validate_every=5")
GROUPS = ("train.questions_per_step=32", "train.samples_per_question=4")
ALGORITHMS: dict[str, tuple[str, ...]] = {
    "steppo": (),
    "ppo": (),
    "grpo": GROUPS,
    "rloo": GROUPS,
    "reinforce_pp": (),
}
GRID = {"train.learning_rate": (0.000075, 0.00015, 0.0003), "train.kl_coefficient": (0.03, 0.01)}


def main(quick: bool) -> None:
    """Make what rows are missing, and print the points of each algorithm, the best first.

    `quick` makes one world less.
    """
    worlds = list(WORLDS)[: -1 if quick else None]
    points = [
        {"world": world, "algorithm": algorithm, **dict(zip(GRID, values, strict=True))}
        for world, values, algorithm in product(worlds, product(*GRID.values()), ALGORITHMS)
    ]
    rows = rows_of(points, ROWS, _run)
    figures = {}
    for algorithm in ALGORITHMS:
        scores = _scores([row for row in rows if row["algorithm"] == algorithm])
        for name, score in sorted(scores.items(), key=lambda item: -item[1]):
            figures[f"{algorithm} {name}"] = score
    report("tuning", figures, {}, len(worlds), points)


def _run(point: Point) -> dict[str, Any]:
    """A run in a copy of its own."""
    world = [f"fetch.world.seed={point['world']}", f"seed={WORLDS[point['world']]}"]
    shared = prepared(COPIES, f"world_{point['world']}", world)
    chosen = [f"{key}={point[key]}" for key in GRID]
    own = [f"train.algorithm={point['algorithm']}", *chosen, *BUDGET, *ALGORITHMS[point["algorithm"]]]
    name = "_".join(str(value) for value in point.values())
    curve = validation_curve(shared, COPIES / f"run_{name}", [*world, *own])
    return {"seed": WORLDS[point["world"]], "commit": commit(), "validation_f1": curve}


def _scores(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What each point of the grid comes to."""
    by_point: dict[str, list[float]] = {}
    for row in rows:
        name = " ".join(f"{key.rpartition('.')[2]}={row[key]:g}" for key in GRID)
        by_point.setdefault(name, []).append(fmean(row["validation_f1"].values()))
    return {name: fmean(scores) for name, scores in by_point.items()}
