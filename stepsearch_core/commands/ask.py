"""`ask`: a policy answers one question."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stepsearch_core.params import load_params
from stepsearch_core.profiles import ACTIVE
from stepsearch_core.rollout.records import TurnRecord


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    asking = commands.add_parser(
        "ask",
        help="let a policy answer a question of yours by searching the indexed corpus",
        description=(
            "Play one greedy episode and print it as it goes: thoughts, queries, titles of what was found,"
            " the answer. Exit with 1 if the question could not be asked or a search failed."
        ),
        epilog='example: stepsearch ask "Where was the author of Old Mill born?"',
    )
    asking.add_argument("question", metavar="QUESTION", help="in one argument")
    asking.add_argument(
        "--policy",
        type=Path,
        metavar="FOLDER",
        help="a model with its tokenizer (default: train/policy of the stages' outputs)",
    )
    asking.add_argument(
        "--data", type=Path, default=Path("data"), help="the stages' outputs (default: data)"
    )
    asking.add_argument(
        "--params", type=Path, default=ACTIVE, help="the file that is active (default: params.yaml)"
    )
    asking.add_argument("--json", action="store_true", help="print a record when it is done")
    asking.set_defaults(run=_ask)


def _ask(options: argparse.Namespace) -> None:
    from stepsearch_core.asking import ask, turn_lines
    from stepsearch_core.base.types import FAILURES, StopReason

    def tell(turn: TurnRecord) -> None:
        if not options.json:
            print("\n".join(turn_lines(turn)), flush=True)

    policy = options.policy or options.data / "train" / "policy"
    record = ask(options.question, policy, options.data, load_params(options.params), tell)
    if options.json:
        print(json.dumps(record, indent=2, ensure_ascii=False))
    reason = StopReason(record["stop_reason"])
    if reason in FAILURES:
        sys.exit(f"stepsearch: not answered: {reason.replace('_', ' ')}")
    if record["answer"] is None and not options.json:
        print(f"no answer: {reason.replace('_', ' ')}")
