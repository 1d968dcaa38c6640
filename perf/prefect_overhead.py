"""What Prefect adds to a run: the flow against `dvc repro`, both with nothing left to do.

What Prefect does for a stage (a task run, its log, a DVC process of its own) does not depend on how long the
stage computes, so the difference is what a full run pays too. Its share is taken of the seconds that the
stages of the last run measured themselves, which are less than the whole run: the share is an upper bound.
"""

from __future__ import annotations

import operator
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from perf.measure import in_turn, median_of_pairs, report, seconds
from stepsearch_core.base.io import read_json
from tasks.stage import TIMINGS

REPEATS = 3


def main(quick: bool) -> None:
    """Time both sides in turn (`quick`: once), print the medians, the median difference and its share."""
    repeats = 1 if quick else REPEATS
    sides = {
        "dvc": lambda: seconds(_run("dvc", "repro")),
        "flow": lambda: seconds(_run("flows.train_stepsearch")),
    }
    both_sides = in_turn(sides, repeats)
    added = median_of_pairs(operator.sub, both_sides["flow"], both_sides["dvc"])
    computing = sum(sum(read_json(path).values()) for path in sorted(TIMINGS.glob("*.json")))
    figures = {
        "flow_seconds": statistics.median(both_sides["flow"]),
        "dvc_seconds": statistics.median(both_sides["dvc"]),
        "added_seconds": added,
        "share_of_stages": added / computing,
    }
    report("prefect_overhead", figures, both_sides, repeats, [Path("dvc.yaml"), Path("params.yaml")])


def _run(*module: str) -> Callable[[], object]:
    quiet = subprocess.DEVNULL
    return lambda: subprocess.run([sys.executable, "-m", *module], check=True, stdout=quiet, stderr=quiet)
