"""Training steps until a validation F1, on the default world and on one of four hops: now and before.

Before is the commit `BEFORE`, the last without critics that learn apart; it trains on the same questions,
from the same warm start. Greedy answers to 200 validation questions after every step.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from perf.measure import report
from perf.runs import Curve, Point, commit, prepared, rows_of, validation_curve

BEFORE = "5f89a78"
COPIES = Path("checkpoints/steps_to_f1")
SEEDS = (0, 1, 2)
WORLDS: dict[str, tuple[tuple[str, ...], int, float]] = {
    "default": ((), 15, 0.5),
    "4-hop": (("fetch.world.hop_shares=[0,0,1]",), 40, 0.3),
}
"""What makes each, how many steps it is trained for, and the F1 to reach."""


def main(quick: bool) -> None:
    """Train three seeds of each (`quick`: one), and print the steps of every run and their ratio."""
    seeds = SEEDS[:1] if quick else SEEDS
    codes = {"before": BEFORE, "now": commit()}
    points = [
        {"world": world, "seed": seed, "commit": code}
        for world, seed, code in product(WORLDS, seeds, codes.values())
    ]
    rows = rows_of(points, COPIES / "rows.jsonl", _run)
    figures: dict[str, Any] = {}
    both_sides: dict[str, Any] = {}
    for world in WORLDS:
        for code in codes:
            of_code = [row for row in rows if (row["world"], row["commit"]) == (world, codes[code])]
            curves = [row["validation_f1"] for row in of_code]
            reached = [steps_until(curve, WORLDS[world][2]) for curve in curves]
            both_sides[f"{world} {code}"] = [float(steps) for steps in reached]
            figures[f"{world} {code}"] = fmean(reached)
        figures[f"{world} ratio"] = figures[f"{world} now"] / figures[f"{world} before"]
    report("steps_to_f1", figures, both_sides, len(seeds), points)


def steps_until(curve: Curve, goal: float) -> int:
    """The first step after which validation has reached `goal`; one more than there were if none has."""
    steps = [int(step) for step, f1 in curve.items() if f1 >= goal]
    return min(steps, default=max(map(int, curve)) + 1)


def _run(point: Point) -> dict[str, Any]:
    """A run in a copy of its own; the world's is made by the code of now."""
    of_world, steps, _ = WORLDS[point["world"]]
    seed = f"seed={point['seed']}"
    shared = prepared(COPIES, f"{point['world']}_{point['seed']}", [seed, *of_world])
    own = [seed, f"train.steps={steps}", "train.validate_every=1"]
    if point["commit"] != BEFORE:  # which knows no hop shares, and finds its questions made
        own += of_world
    name = f"{shared}_{point['commit']}"
    curve = validation_curve(shared, Path(name), own, point["commit"])
    return {"validation_f1": curve}
