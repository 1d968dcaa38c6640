"""`ask`: a policy answers questions."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stepsearch_core.params import load_params
from stepsearch_core.params.loading import with_changes
from stepsearch_core.profiles import ACTIVE
from stepsearch_core.rollout.records import TurnRecord


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    asking = commands.add_parser(
        "ask",
        help="let a policy answer questions of yours by searching the indexed corpus",
        description=(
            "Play a greedy episode and print it as it goes: thoughts, queries, titles of what was found,"
            " the answer. Exit with 1 if a question could not be asked or a search failed."
        ),
        epilog='example: stepsearch ask "Where was the author of Old Mill born?"',
    )
    asking.add_argument("question", metavar="QUESTION", nargs="?", help="in one argument")
    asking.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help="with questions in place of one: a line each, or `question` in rows of .jsonl, .json or .csv",
    )
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
    asking.add_argument(
        "--change",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="asks with it, as environment.protocol=ircot or environment.prompt=paper; may be repeated",
    )
    asking.add_argument("--json", action="store_true", help="print a record in a line when one is done")
    asking.set_defaults(run=_ask)


def _ask(options: argparse.Namespace) -> None:
    from stepsearch_core.asking import Asker, read_asked, turn_lines
    from stepsearch_core.base.types import FAILURES, StopReason
    from stepsearch_core.data.row import Row

    if (options.question is None) == (options.file is None):
        sys.exit("stepsearch: name a question, or a --file of them, and not both")
    if options.file is None:
        questions = [Row("command line", {"question": options.question}).text("question")]
    else:
        questions = read_asked(options.file)

    def tell(turn: TurnRecord) -> None:
        if not options.json:
            print("\n".join(turn_lines(turn)), flush=True)

    policy = options.policy or options.data / "train" / "policy"
    params = load_params(options.params)
    if options.change:
        params = with_changes(params, options.change, Path("--change"))
    asker = Asker(policy, options.data, params)
    failed = []
    for number, question in enumerate(questions):
        if options.file and not options.json:
            print("\n" * bool(number) + f"question: {question}", flush=True)
        record = asker(question, tell)
        if options.json:
            print(json.dumps(record, ensure_ascii=False), flush=True)
        reason = StopReason(record["stop_reason"])
        if reason in FAILURES:
            failed.append(f"not answered: {reason.replace('_', ' ')}")
        elif record["answer"] is None and not options.json:
            print(f"no answer: {reason.replace('_', ' ')}")
    if failed:
        more = f" (and {len(failed) - 1} more)" if failed[1:] else ""
        sys.exit(f"stepsearch: {failed[0]}{more}")
