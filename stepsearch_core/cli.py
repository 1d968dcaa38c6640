"""The `stepsearch` command: choose a profile, show results. What is computed, and when, is DVC's part (`dvc repro`)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stepsearch_core.io import DataError
from stepsearch_core.params import ParamsError
from stepsearch_core.profiles import activate, profile_names
from stepsearch_core.report.inputs import read_metrics
from stepsearch_core.report.results import results_table


def main(arguments: list[str] | None = None) -> None:
    """Run one command; bad parameters and missing results exit with 1 and one line."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (DataError, ParamsError) as error:
        sys.exit(f"stepsearch: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stepsearch", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    show = commands.add_parser("show", help="print the result table and where the report lies")
    show.add_argument("--data", type=Path, default=Path("data"), help="the stages' outputs (default: data)")
    show.set_defaults(run=_show)

    profile = commands.add_parser(
        "profile",
        help="make a profile the active one",
        description="Write params.yaml from conf/NAME.yaml, with values replaced. `dvc repro` then runs what changed.",
        epilog="example: stepsearch profile musique_local fetch.folder=FOLDER train.steps=5 && dvc repro",
    )
    profile.add_argument("name", metavar="NAME", help=f"one of: {', '.join(profile_names()) or 'none here'}")
    profile.add_argument("overrides", metavar="key=value", nargs="*", help="a dotted key and its value: train.steps=5")
    profile.set_defaults(run=_profile)
    return parser


def _show(options: argparse.Namespace) -> None:
    print(results_table(read_metrics(options.data / "evaluate" / "metrics.json")))
    print(f"report: {options.data / 'report' / 'index.html'}")


def _profile(options: argparse.Namespace) -> None:
    params = activate(options.name, options.overrides)
    changed = f" with {' '.join(options.overrides)}" if options.overrides else ""
    print(f"params.yaml is now the profile {params.profile}{changed}; `dvc repro` runs what changed")


if __name__ == "__main__":
    main()
