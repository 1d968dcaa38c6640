"""The `stepsearch` command: profiles, checks and plans; a policy is promoted or asked, searches are served.

`dvc repro` computes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import fields
from math import inf
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError, ExplainedError
from stepsearch_core.base.terminal import terminal
from stepsearch_core.evaluation.promotion import PROMOTED, promote
from stepsearch_core.params import METHODS, ParamsError, load_params
from stepsearch_core.params.stages import LOOKED_AT
from stepsearch_core.profiles import ACTIVE, activate, profile_names, profile_path, read_profile
from stepsearch_core.report.inputs import read_metrics, read_timings
from stepsearch_core.report.results import F1, number, results_table
from stepsearch_core.rollout.records import TurnRecord


@terminal()
def main(arguments: list[str] | None = None) -> None:
    """Run one command; bad parameters and missing results exit with 1 and one line."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (DataError, ParamsError, ExplainedError) as error:
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
            "Print memory, tokens, disk and downloads of conf/NAME.yaml; exit with 1 if they do not fit."
        ),
        epilog="example: stepsearch plan paper_7b hardware.gpus=4 train.micro_batch_tokens=4096",
    )
    _takes_a_profile(plan, "hardware.gpus=4")
    plan.set_defaults(run=_plan)

    params = commands.add_parser("params", help="print the page of all parameters, in Markdown")
    params.set_defaults(run=_params)

    check = commands.add_parser(
        "check",
        help="look at model, tokenizer, questions, index and disk before the long work",
        description=(
            "Look in seconds, without a network (but for retrieval.url), at everything that could end a run"
            " after hours: parameters, model, tokenizer and template, context length, questions, passages,"
            " index, retrieval service, memory and disk."
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

    promotion = commands.add_parser(
        "promote",
        help="put the trained policy in service: re-evaluations watch it from now on",
        description=(
            "Copy the trained policy and its evaluation to promoted/ and record that in the history."
        ),
    )
    promotion.set_defaults(run=_promote)

    _takes_a_server(commands)
    return parser


def _takes_a_server(commands: Any) -> None:
    """The command `serve-retriever`."""
    serve = commands.add_parser(
        "serve-retriever",
        help="search for other processes, over HTTP",
        description=(
            "Serve the index of a pipeline to trainers: POST /retrieve takes and gives what Search-R1's"
            " server does. GET /fingerprint says what is searched, /health and /ready whether, /metrics how"
            " (for Prometheus), /openapi.json describes all. On SIGTERM it finishes what it holds and ends."
            " Nothing is encrypted, and who asks is answered: listen where only your own processes reach."
        ),
        epilog="example: stepsearch serve-retriever --workers 4 --cache checkpoints/searches",
    )
    takes = serve.add_argument
    default = "(default: %(default)s)"
    takes("--data", default="data", help=f"the stages' outputs: corpus and index are read {default}")
    takes("--params", default="params.yaml", help=f"what the index was built with {default}")
    own = [method for method, indexes in METHODS.items() if indexes]
    takes("--method", choices=own, help="how to search (default: as `retrieval.method` says)")
    takes("--host", default="127.0.0.1", help=f"the address to listen on {default}")
    takes("--port", type=_port, default=8000, help=f"0 takes a free one; it is printed {default}")
    takes("--workers", type=_count, default=1, help=f"processes, which share the index in memory {default}")
    takes("--cache", metavar="FOLDER", help="keep rankings here, for all servers of this machine")
    takes("--cache-gb", type=_amount, default=10.0, help=f"its size, beyond which the oldest go {default}")
    takes("--max-batch", type=_count, default=64, help=f"queries searched at once {default}")
    takes("--queue", type=_count, default=8192, help=f"queries that may wait; beyond that, 429 {default}")
    takes("--topk", type=_count, default=3, help=f"documents a query, unless a request says {default}")
    takes("--topk-limit", type=_count, default=100, help=f"the most that a request may ask for {default}")
    takes("--timeout", type=_amount, default=60.0, help=f"seconds for a search, then 504 {default}")
    serve.set_defaults(run=_serve)


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise ValueError
    return value


def _port(text: str) -> int:
    if not 0 <= (value := int(text)) <= 65_535:
        raise ValueError
    return value


def _amount(text: str) -> float:
    if not 0 < (value := float(text)) < inf:
        raise ValueError
    return value


def _takes_a_profile(command: argparse.ArgumentParser, example: str) -> None:
    """The arguments NAME and key=value."""
    command.add_argument("name", metavar="NAME", help=f"one of: {', '.join(profile_names()) or 'none here'}")
    command.add_argument(
        "overrides", metavar="key=value", nargs="*", help=f"a dotted key and its value: {example}"
    )


def _show(options: argparse.Namespace) -> None:
    print(results_table(read_metrics(options.data / "evaluate" / "metrics.json")))
    for stage, parts in read_timings(options.data / "timings").items():
        seconds = ", ".join(f"{name.replace('_', ' ')} {value:.1f} s" for name, value in parts.items())
        print(f"{stage}, when it last ran here: {seconds}")
    print(f"report: {options.data / 'report' / 'index.html'}")


def _profile(options: argparse.Namespace) -> None:
    params = activate(options.name, options.overrides)
    changed = f" with {' '.join(options.overrides)}" if options.overrides else ""
    print(f"params.yaml is now the profile {params.profile}{changed}; `dvc repro` runs what changed")


def _params(options: argparse.Namespace) -> None:
    from stepsearch_core.profiles.page import parameters_page

    print(parameters_page())


def _promote(options: argparse.Namespace) -> None:
    record = promote(Path("data"), load_params())
    mean = f"mean {F1.label} {number(record['f1']['value'], F1.digits)}"
    print(f"promoted {record['policy'][:12]} ({mean}) to {PROMOTED}/")


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


def _plan(options: argparse.Namespace) -> None:
    from stepsearch_core.planning.plan import check_fits, make_plan, plan_lines  # torch: seconds to import

    params = read_profile(options.name, options.overrides)
    plan = make_plan(params)
    print("\n".join(plan_lines(plan, params)))
    check_fits(plan, params)


def _serve(options: argparse.Namespace) -> None:
    from stepsearch_core.serving.server import serve  # FastAPI: a second to import
    from stepsearch_core.serving.settings import ServingSettings

    asked = {field.name: getattr(options, field.name) for field in fields(ServingSettings)}
    serve(ServingSettings(**asked), options.host, options.port, options.workers)


if __name__ == "__main__":
    main()
