"""`profile`, `plan`, `params`, `check`: which parameters hold, what they need, what could end a run."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from stepsearch_core.params.stages import LOOKED_AT
from stepsearch_core.profiles import ACTIVE, activate, profile_names, profile_path, read_profile


def add(commands: Any) -> None:
    """Add the commands to the subparsers of `stepsearch`."""
    profile = commands.add_parser(
        "profile",
        help="make a profile the active one",
        description=(
            "Write params.yaml from conf/NAME.yaml and its base, with values replaced."
            " `dvc repro` then runs what changed."
        ),
        epilog="example: stepsearch profile musique_local fetch.folder=FOLDER train.steps=5 && dvc repro",
    )
    _takes_a_profile(profile, "train.steps=5")
    profile.set_defaults(run=_profile)

    plan = commands.add_parser(
        "plan",
        help="say what a profile needs of the hardware",
        description=(
            "Print memory, tokens, times, disk and downloads of conf/NAME.yaml; exit with 1 if they do not"
            " fit. Once training has made steps here, what they took and what is left is printed, too."
        ),
        epilog="example: stepsearch plan paper_7b hardware.gpus=4 train.micro_batch_tokens=4096",
    )
    _takes_a_profile(plan, "hardware.gpus=4")
    plan.add_argument("--data", type=Path, default=Path("data"), help="the stages' outputs (default: data)")
    plan.set_defaults(run=_plan)

    params = commands.add_parser("params", help="print the page of all parameters, in Markdown")
    params.set_defaults(run=_params)

    check = commands.add_parser(
        "check",
        help="look at model, tokenizer, questions, index and disk before the long work",
        description=(
            "Look in seconds, without a network (but for retrieval.url and endpoint.url), at everything that"
            " could end a run after hours: parameters, model, tokenizer and template, context length,"
            " questions, passages, index, retrieval service, memory and disk."
            " Exit with 1 if a stage would end with an error."
            " The first stage that runs does the same by itself."
        ),
        epilog=(
            "example: stepsearch check paper_3b model.source=FOLDER."
            " STEPSEARCH_CHECK=off keeps stages from it."
        ),
    )
    check.add_argument(
        "arguments",
        metavar="NAME key=value",
        nargs="*",
        help="a profile (default: the active one, params.yaml), and values that replace its own",
    )
    check.add_argument(
        "--params", type=Path, default=ACTIVE, help="the file that is active (default: params.yaml)"
    )
    check.add_argument(
        "--from",
        dest="start",
        metavar="STAGE",
        choices=LOOKED_AT,
        default=LOOKED_AT[0],
        help=f"the stage that runs next, of {', '.join(LOOKED_AT)}",
    )
    check.set_defaults(run=_check)


def _takes_a_profile(command: argparse.ArgumentParser, example: str) -> None:
    """The arguments NAME and key=value."""
    command.add_argument("name", metavar="NAME", help=f"one of: {', '.join(profile_names()) or 'none here'}")
    command.add_argument(
        "overrides", metavar="key=value", nargs="*", help=f"a dotted key and its value: {example}"
    )


def _profile(options: argparse.Namespace) -> None:
    params = activate(options.name, options.overrides)
    changed = f" with {' '.join(options.overrides)}" if options.overrides else ""
    print(f"params.yaml is now the profile {params.profile}{changed}; `dvc repro` runs what changed")


def _plan(options: argparse.Namespace) -> None:
    from stepsearch_core.planning.lines import plan_lines
    from stepsearch_core.planning.plan import check_fits, make_plan
    from stepsearch_core.training.pace import FILE, read_pace

    params = read_profile(options.name, options.overrides)
    plan = make_plan(params)
    pace = read_pace(options.data / "timings" / FILE, params)
    print("\n".join(plan_lines(plan, params, pace)))
    check_fits(plan, params)


def _params(options: argparse.Namespace) -> None:
    from stepsearch_core.profiles.page import parameters_page

    print(parameters_page())


def _check(options: argparse.Namespace) -> None:
    from stepsearch_core.checking.check import check, exit_status
    from stepsearch_core.checking.finding import summary

    started = time.perf_counter()
    path, overrides = options.params, options.arguments
    if overrides and "=" not in overrides[0]:
        path, overrides = profile_path(overrides[0]), overrides[1:]
    findings = check(path, overrides, options.start)
    print(
        "\n".join(
            [*map(str, findings), f"{path}: {summary(findings)} ({time.perf_counter() - started:.1f} s)"]
        )
    )
    sys.exit(exit_status(findings))
