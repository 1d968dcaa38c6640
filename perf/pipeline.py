"""What the whole pipeline costs: wall time and memory of `dvc repro`, forced and then with nothing to do.

Memory is the largest sum, over samples half a second apart, of the proportional set size (memory shared by
several processes counted once) of `dvc` and every process under it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from perf.measure import report

INTERVAL = 0.5
"""Seconds between two samples of memory."""


def main(quick: bool) -> None:
    """Run the active profile from its first stage to its last, then again; `quick` changes nothing."""
    sides = {"forced": _measure("--force"), "unchanged": _measure()}
    both_sides = {f"{side}_{name}": value for side, costs in sides.items() for name, value in costs.items()}
    report("pipeline", both_sides, both_sides, 1, [Path("dvc.yaml"), Path("params.yaml")])


def _measure(*options: str) -> dict[str, float]:
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "dvc", "repro", *options])
    peak = 0
    while process.poll() is None:
        peak = max(peak, _tree_memory(process.pid))
        time.sleep(INTERVAL)
    if process.returncode:
        sys.exit(f"dvc repro failed with exit status {process.returncode}")
    return {"seconds": time.perf_counter() - started, "peak_gigabytes": peak / 1e9}


def _tree_memory(pid: int) -> int:
    """Bytes of a process and everything under it; a process that ends while it is asked counts as none."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
    return total
