"""`cost`: what a language model's search keys would take, without asking it anything."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stepsearch_core.profiles import ACTIVE


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    cost = commands.add_parser(
        "cost",
        help="say what synthesize.generator=endpoint would ask for, and what that costs",
        description=(
            "Count the requests that the stage synthesize would make of the active profile, without those"
            " that were answered before, their tokens and, with endpoint.prompt_price and"
            " endpoint.reply_price, what they cost. Nothing is asked. The stage fetch has to have run."
        ),
        epilog="example: stepsearch cost endpoint.prompt_price=0.15 endpoint.reply_price=0.6",
    )
    cost.add_argument("overrides", nargs="*", metavar="key=value", help="values that replace the profile's")
    cost.add_argument("--data", type=Path, default=Path("data"), help="the stages' outputs (default: data)")
    cost.set_defaults(run=_cost)


def _cost(options: argparse.Namespace) -> None:
    from stepsearch_core.benchmarks.sources import training_questions
    from stepsearch_core.params import load_params
    from stepsearch_core.synthesis.key_writers import Model
    from stepsearch_core.synthesis.sub_questions import parse_hops

    params = load_params(ACTIVE, options.overrides)
    params.endpoint.url = params.endpoint.url or "http://localhost/v1"  # it is asked nothing
    questions = training_questions(options.data / "fetch")
    steps = [
        step
        for question in questions
        if question.has_decomposition
        for step in zip(question.hops, parse_hops(question), strict=True)
    ]
    usage = Model(params).estimate(steps)
    cost = usage.cost(params.endpoint)
    print(f"{len(steps):,} steps of {len(questions):,} questions")
    print(f"{usage.requests:,} requests to make; {usage.kept:,} were answered before")
    print(f"{usage.prompt_tokens:,} tokens of prompts, roughly; of replies {usage.reply_tokens:,} at most")
    if cost is None:
        print("cost: set endpoint.prompt_price and endpoint.reply_price, of a million tokens each")
    else:
        print(f"cost: at most {cost:,.2f}, in the currency of the prices")
