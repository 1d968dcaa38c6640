"""The same small grid for every algorithm, by F1 of validation questions on worlds that are not the default.

Every algorithm has the budget of trajectories that the default profile gives a step. What a point of the
grid comes to is its mean over worlds and validations, so that fast learning counts as well as its end. Rows
go to `perf/tuning.jsonl`, which is committed; a row that stands there is not made again. No test question is
looked at.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from tqdm import tqdm

from perf.measure import report
from perf.runs import prepared, validation_curve
from stepsearch_core.base.io import read_jsonl, write_jsonl

ROWS = Path("perf/tuning.jsonl")
COPIES = Path("checkpoints/tuning")
WORLDS = {11: 1, 13: 2, 17: 3}
"""Seeds of worlds, each with the seed of what is drawn on it."""
STEPS = 20
BUDGET = (f"train.steps={STEPS}", "train.validate_every=5")
GROUPS = ("train.questions_per_step=32", "train.samples_per_question=4")
ALGORITHMS: dict[str, tuple[str, ...]] = {
    "steppo": (),
    "ppo": (),
    "grpo": GROUPS,
    "rloo": GROUPS,
    "reinforce_pp": (),
}
GRID = {"train.learning_rate": (0.00015, 0.0003), "train.kl_coefficient": (0.03, 0.01)}
Point = dict[str, Any]


def main(quick: bool) -> None:
    """Make what rows are missing (`quick`: none), as many at once as there are cores; print the best."""
    rows = [row for _, row in read_jsonl(ROWS)] if ROWS.is_file() else []
    made = [{key: row[key] for key in _points()[0]} for row in rows]
    missing = [] if quick else [point for point in _points() if point not in made]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        worlds = {point["world"]: WORLDS[point["world"]] for point in missing}
        shared = dict(zip(worlds, pool.map(_world, worlds), strict=True))
        runs = pool.map(lambda point: _row(point, shared[point["world"]]), missing)
        for row in tqdm(runs, "runs", len(missing), smoothing=0):
            rows.append(row)
            write_jsonl(ROWS, rows)
    figures = {}
    for algorithm in ALGORITHMS:
        scores = _scores([row for row in rows if row["algorithm"] == algorithm])
        for name, score in sorted(scores.items(), key=lambda item: -item[1]):
            figures[f"{algorithm} {name}"] = score
    report("tuning", figures, {}, len(WORLDS), [ROWS])


def _points() -> list[Point]:
    """Every run, worlds first, so that the first rows compare all algorithms."""
    return [
        {"world": world, "algorithm": algorithm, **dict(zip(GRID, values, strict=True))}
        for world, values, algorithm in product(WORLDS, product(*GRID.values()), ALGORITHMS)
    ]


def _world(world: int) -> Path:
    return prepared(COPIES / f"world_{world}", _of_world(world))


def _row(point: Point, shared: Path) -> dict[str, Any]:
    """A run in a copy of its own."""
    chosen = [f"{key}={point[key]}" for key in GRID]
    overrides = [*_of_world(point["world"]), f"train.algorithm={point['algorithm']}", *chosen]
    overrides += [*BUDGET, *ALGORITHMS[point["algorithm"]]]
    name = "_".join(str(value) for value in point.values())
    curve = validation_curve(shared, COPIES / f"run_{name}", overrides)
    return {**point, "seed": WORLDS[point["world"]], "validation_f1": curve}


def _of_world(world: int) -> list[str]:
    return [f"fetch.world.seed={world}", f"seed={WORLDS[world]}"]


def _scores(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What each point of the grid that has a row of every world comes to."""
    by_point: dict[str, list[float]] = {}
    for row in rows:
        name = " ".join(f"{key.rpartition('.')[2]}={row[key]:g}" for key in GRID)
        by_point.setdefault(name, []).append(fmean(row["validation_f1"].values()))
    return {name: fmean(scores) for name, scores in by_point.items() if len(scores) == len(WORLDS)}
