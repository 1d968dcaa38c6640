"""`compare`: a study, its runs made as far as they are missing, and its page."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from stepsearch_core.params import ParamsError
from stepsearch_core.studies.study import STUDIES, read_study, study_names

MODULE = "tasks.compare"
"""Runs DVC, which the core knows nothing of."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    compare = commands.add_parser(
        "compare",
        help="run a study: variants of a profile on many seeds, one page with intervals",
        description=(
            f"Make the runs of {STUDIES}/NAME.yaml that are missing, as DVC experiments in copies of the"
            " last commit, and the page studies/NAME/index.html. What was killed goes on where it stopped;"
            " a run that fails is named and the others are made; exit with 1 if any is missing."
        ),
        epilog="example: stepsearch compare methods --plan; without a name: which studies there are",
    )
    compare.add_argument(
        "name", metavar="NAME", nargs="?", help=f"one of: {', '.join(study_names()).replace('%', '%%')}"
    )
    compare.add_argument("--jobs", type=int, metavar="N", help="runs at once (default: as many as fit)")
    only = compare.add_mutually_exclusive_group()
    only.add_argument("--plan", action="store_true", help="make nothing, say what would be made")
    only.add_argument("--finished", action="store_true", help="make no run, but the page of those there are")
    compare.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> None:
    if options.name is None:
        for name in study_names():
            try:
                print(f"{name}: {read_study(name).title}")
            except ParamsError as error:
                print(f"{name}: {error}")
        return
    read_study(options.name)
    if options.jobs is not None and options.jobs < 1:
        raise ParamsError(f"--jobs: {options.jobs} is not at least 1")
    if not Path(*MODULE.split(".")).with_suffix(".py").is_file():
        raise ParamsError("no checkout here: a study runs DVC in copies of one")
    jobs = [] if options.jobs is None else ["--jobs", str(options.jobs)]
    flags = [f"--{flag}" for flag in ("plan", "finished") if getattr(options, flag)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", MODULE, options.name, *jobs, *flags])
