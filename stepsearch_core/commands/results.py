"""`show` and `promote`: what the last run came to, and a policy put in service."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stepsearch_core.evaluation.promotion import PROMOTED, promote
from stepsearch_core.params import load_params
from stepsearch_core.report.inputs import read_metrics, read_provenance, read_timings
from stepsearch_core.report.pairs import pairs_table
from stepsearch_core.report.provenance import remarks
from stepsearch_core.report.results import F1, number, results_table


def add(commands: Any) -> None:
    """Add the commands to the subparsers of `stepsearch`."""
    show = commands.add_parser("show", help="print the result table and where the report lies")
    show.add_argument("--data", type=Path, default=Path("data"), help="the stages' outputs (default: data)")
    show.set_defaults(run=_show)

    promotion = commands.add_parser(
        "promote",
        help="put a policy in service: re-evaluations watch it from now on",
        description="Copy a policy and its evaluation to promoted/ and record that in the history.",
    )
    promotion.add_argument(
        "policy",
        nargs="?",
        default="trained",
        metavar="POLICY",
        help="one of evaluate.policies, not a ceiling (default: trained)",
    )
    promotion.set_defaults(run=_promote)


def _show(options: argparse.Namespace) -> None:
    evaluated = options.data / "evaluate"
    metrics = read_metrics(evaluated / "metrics.json", compared=False)
    provenance = read_provenance(evaluated / "evaluated.json")
    print("\n".join(filter(None, (results_table(metrics, provenance), pairs_table(metrics)))))
    for remark in remarks(provenance):
        print(f"{remark}\n")
    for stage, parts in read_timings(options.data / "timings").items():
        seconds = ", ".join(f"{name.replace('_', ' ')} {value:.1f} s" for name, value in parts.items())
        print(f"{stage}, when it last ran here: {seconds}")
    print(f"report: {options.data / 'report' / 'index.html'}")


def _promote(options: argparse.Namespace) -> None:
    record = promote(Path("data"), load_params(), options.policy)
    mean = f"mean {F1.label} {number(record['f1']['value'], F1.digits)}"
    print(f"promoted {record['policy'][:12]} ({mean}) to {PROMOTED}/")
