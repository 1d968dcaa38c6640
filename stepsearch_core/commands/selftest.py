"""`selftest`: what of the library works on this machine, in minutes."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from stepsearch_core.doctor.trials import TRIALS


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    selftest = commands.add_parser(
        "selftest",
        help="try the smallest real instance of everything on this machine, in minutes",
        description=(
            "Run each trial in a process of its own, so that a crash, a hang or a lack of memory ends no"
            " other, and print a line for each: ok with figures, failed with the reason, or not here with"
            " what is missing (a GPU, vLLM). It takes up to ten minutes."
            " Exit with 1 if any failed."
        ),
        epilog=f"trials: {', '.join(trial.name for trial in TRIALS)}",
    )
    selftest.add_argument(
        "trials",
        metavar="TRIAL",
        nargs="*",
        type=_trial_name,
        help="the names of some (default: all)",
    )
    selftest.add_argument(
        "--out",
        type=Path,
        default=Path("selftest.json"),
        metavar="FILE",
        help="a file to attach to an issue: versions, machine, outcomes (default: selftest.json)",
    )
    selftest.set_defaults(run=_selftest)


def _trial_name(name: str) -> str:
    if name not in (names := [trial.name for trial in TRIALS]):
        raise argparse.ArgumentTypeError(f"no trial {name!r}; there are: {', '.join(names)}")
    return name


def _selftest(options: argparse.Namespace) -> None:
    from stepsearch_core.base.io import write_json
    from stepsearch_core.doctor.selftest import Status, report, run_trials, summary

    started = time.perf_counter()
    _check_place(options.out)
    chosen = [trial for trial in TRIALS if not options.trials or trial.name in options.trials]
    outcomes = run_trials(chosen, lambda line: print(line, flush=True))
    write_json(options.out, report(outcomes))
    print(f"{summary(outcomes)} ({time.perf_counter() - started:.0f} s); all of it is in {options.out}")
    sys.exit(int(any(outcome.status is Status.FAILED for outcome in outcomes)))


def _check_place(file: Path) -> None:
    """See before the work whether a file can be written there.

    Raises:
        DataError: it cannot.
    """
    from stepsearch_core.base.errors import DataError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=file.parent):
            is_folder = file.is_dir()
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror}; --out names another file", file) from None
    if is_folder:
        raise DataError("is a folder; --out names a file", file)
