"""Training steps until a validation F1, on the default world and on one of four hops: now and before.

Before is the commit `BEFORE`, the last without critics that learn apart; it trains on the same questions,
from the same warm start. Greedy answers to 200 validation questions after every step.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from filelock import FileLock

from perf.measure import report
from perf.runs import Curve, Point, prepared, rows_of, validation_curve

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
    points = [
        {"world": world, "seed": seed, "code": code}
        for world, seed, code in product(WORLDS, seeds, ("before", "now"))
    ]
    rows = rows_of(points, COPIES / "rows.jsonl", _run)
    figures: dict[str, Any] = {}
    both_sides: dict[str, Any] = {}
    for world in WORLDS:
        for code in ("before", "now"):
            curves = [row["validation_f1"] for row in rows if (row["world"], row["code"]) == (world, code)]
            reached = [steps_until(curve, WORLDS[world][2]) for curve in curves]
            both_sides[f"{world} {code}"] = [float(steps) for steps in reached]
            figures[f"{world} {code}"] = fmean(reached)
        figures[f"{world} ratio"] = figures[f"{world} now"] / figures[f"{world} before"]
    report("steps_to_f1", figures, both_sides, len(seeds), points)


def steps_until(curve: Curve, goal: float) -> int:
    """The first step after which validation has reached `goal`; one more than there were if none has."""
    steps = [int(step) for step, f1 in curve.items() if f1 >= goal]
    return min(steps, default=len(curve) + 1)


def _run(point: Point) -> dict[str, Any]:
    """A run in a copy of its own; the world's is made by the code of now."""
    of_world, steps, _ = WORLDS[point["world"]]
    seed = f"seed={point['seed']}"
    shared = COPIES / f"{point['world']}_{point['seed']}"
    COPIES.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{shared}.lock"):
        prepared(shared, [seed, *of_world])
    own = [seed, f"train.steps={steps}", "train.validate_every=1"]
    before = point["code"] == "before"
    name = f"{shared}_{point['code']}"
    curve = validation_curve(
        shared, Path(name), own if before else [*own, *of_world], BEFORE if before else "HEAD"
    )
    return {"validation_f1": curve}
