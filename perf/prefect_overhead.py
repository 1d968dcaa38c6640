"""What Prefect adds to a run: the flow against `dvc repro`, both with nothing left to do.

What Prefect does for a stage (a task run, its log, a DVC process of its own) does not depend on how long the stage
computes, so the difference is what a full run pays too. Its share is taken of the seconds that the stages of the last
run measured themselves, which are less than the whole run: the share is an upper bound.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from stepsearch_core.io import read_json

REPEATS = 3


def main() -> None:
    """Time both sides in turn, print the medians, the difference and its share."""
    flow, plain = [], []
    for _ in range(REPEATS):
        plain.append(_seconds("dvc", "repro"))
        flow.append(_seconds("flows.train_stepsearch"))
    added = statistics.median(flow) - statistics.median(plain)
    computing = sum(sum(read_json(path).values()) for path in sorted(Path("data").glob("*/timings.json")))
    figures = {
        "flow_seconds": statistics.median(flow),
        "dvc_seconds": statistics.median(plain),
        "added_seconds": added,
        "share_of_stages": added / computing,
    }
    for name, value in figures.items():
        print(f"{name:16} {value:8.3f}")
    print(json.dumps({"perf": "prefect_overhead", "figures": figures, "both_sides": {"flow": flow, "dvc": plain}}))


def _seconds(*module: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", *module], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started
