"""The flow `compare-methods`: a study of `conf/studies`, its runs made as far as they are missing.

    python -m flows.compare_methods methods
    prefect deployment run compare-methods/compare-methods --param study=hops --watch

The runs are made in copies of the last commit (`tasks.compare`): parameters and outputs of the checkout stay
as they are. Progress is an artifact, and so are the study's tables and the place of its page.
"""

from __future__ import annotations

import argparse
import sys

from prefect import flow

from flows.artifacts import publish_study
from flows.stages import StageError, run_module
from stepsearch_core.base.terminal import terminal
from stepsearch_core.params import ParamsError
from stepsearch_core.studies.study import read_study


@flow(name="compare-methods")
def compare_methods(study: str = "methods", jobs: int | None = None) -> None:
    """Run what is missing of a study, `jobs` at once (None: as many as fit), and publish its tables.

    Raises:
        ParamsError: no such study, or one that does not fit.
        StageError: runs are missing; the page is of the others.
    """
    read_study(study)
    try:
        run_module("compare", study, *(() if jobs is None else ("--jobs", str(jobs))))
    finally:
        publish_study(study)


@terminal()
def main(arguments: list[str] | None = None) -> None:
    """Start the flow from the command line; exit with 1 and the reason if it fails."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.compare_methods", description=compare_methods.description
    )
    parser.add_argument("study", metavar="NAME", nargs="?", default="methods", help="a file of conf/studies")
    parser.add_argument("--jobs", type=int, metavar="N", help="runs at once (default: as many as fit)")
    options = parser.parse_args(arguments)
    try:
        compare_methods(options.study, options.jobs)
    except (ParamsError, StageError) as error:
        sys.exit(f"compare-methods: {error}")


if __name__ == "__main__":
    main()
