"""`doctor`: what is wrong on this machine and in this checkout, and what to type."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from stepsearch_core.profiles import ACTIVE


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    doctor = commands.add_parser(
        "doctor",
        help="look at this machine and checkout: packages, GPUs, limits, data, and what to type",
        description=(
            "Print what there is (torch and its CUDA, GPUs and driver, FAISS, cores, memory, disk), then"
            " what is wrong with it: packages that do not fit, GPUs that are not used, limits of a"
            " container, outputs of stages that are missing, damaged or stale, a damaged dvc.lock, and what"
            " `stepsearch check` finds about the active profile; each with the command that mends it."
            " Exit with 1 if anything is an error. Works where packages are broken."
        ),
    )
    doctor.add_argument(
        "--json", action="store_true", help="print JSON for an issue, without folders' names"
    )
    doctor.add_argument(
        "--data", type=Path, default=Path("data"), help="the stages' outputs (default: data)"
    )
    doctor.add_argument(
        "--params", type=Path, default=ACTIVE, help="the file that is active (default: params.yaml)"
    )
    doctor.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> None:
    from stepsearch_core.checking.finding import Severity, summary
    from stepsearch_core.doctor.examine import examine

    started = time.perf_counter()
    examined = examine(options.params, options.data)
    if options.json:
        print(json.dumps(examined.to_json(), indent=2, ensure_ascii=False))
    else:
        width = max(map(len, examined.facts))
        print("\n".join(f"{name:<{width}}  {fact}" for name, fact in examined.facts.items()))
        seconds = time.perf_counter() - started
        print("\n".join([*map(str, examined.findings), f"{summary(examined.findings)} ({seconds:.1f} s)"]))
    sys.exit(int(any(finding.severity is Severity.ERROR for finding in examined.findings)))
