"""`cost`: what asking a language model would take in the stage `synthesize`, without asking it anything."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stepsearch_core.profiles import ACTIVE


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    cost = commands.add_parser(
        "cost",
        help="say what the stage synthesize would ask a language model for, and what that costs",
        description=(
            "Count the requests that the stage synthesize would make of the active profile (or would make"
            " for search keys, if it makes none), without those that were answered before, their tokens and,"
            " with endpoint.prompt_price and endpoint.reply_price, what they cost. Nothing is asked. The"
            " stage fetch has to have run; for synthesize.linked_pairs corpus, too."
        ),
        epilog="example: stepsearch cost endpoint.prompt_price=0.15 endpoint.reply_price=0.6",
    )
    cost.add_argument("overrides", nargs="*", metavar="key=value", help="values that replace the profile's")
    cost.add_argument("--data", type=Path, default=Path("data"), help="the stages' outputs (default: data)")
    cost.set_defaults(run=_cost)


def _cost(options: argparse.Namespace) -> None:
    from stepsearch_core.endpoint.usage import Usage
    from stepsearch_core.params import load_params
    from stepsearch_core.synthesis.estimate import estimates

    params = load_params(ACTIVE, options.overrides)
    params.endpoint.url = params.endpoint.url or "http://localhost/v1"  # it is asked nothing
    works = estimates(params, options.data)
    if not params.synthesize.asks:
        print("nothing is asked as it is; with synthesize.generator=endpoint:")
    for work in works:
        print(f"{work.what}: {work.usage.requests:,} requests to make; {work.usage.kept:,} answered before")
    usage = sum((work.usage for work in works), Usage())
    cost = usage.cost(params.endpoint)
    print(f"{usage.requests:,} requests to make; {usage.kept:,} were answered before")
    print(f"{usage.prompt_tokens:,} tokens of prompts, roughly; of replies {usage.reply_tokens:,} at most")
    if cost is None:
        print("cost: set endpoint.prompt_price and endpoint.reply_price, of a million tokens each")
    else:
        print(f"cost: at most {cost:,.2f}, in the currency of the prices")
    own = params.synthesize
    if own.generator == "endpoint" and (own.decompose or own.linked_pairs):
        print("search keys of steps that the model is yet to write come on top")
