"""`export`: the results as leaderboard rows, and a policy with its model card, to be published."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_folder
from stepsearch_core.base.io import atomic_folder, read_object
from stepsearch_core.params import CEILINGS, POLICIES, load_params
from stepsearch_core.profiles import ACTIVE
from stepsearch_core.report.inputs import read_metrics
from stepsearch_core.report.leaderboard import leaderboard_rows, read_evaluated, write_leaderboard


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    export = commands.add_parser("export", help="write results, or a policy with its model card, to publish")
    kinds = export.add_subparsers(required=True, metavar="WHAT")
    results = kinds.add_parser(
        "results",
        help="leaderboard rows as JSON, CSV and Markdown",
        description=(
            "Write results.json, results.csv and results.md into a new FOLDER: a row for each policy, data"
            " set and measure, with interval, questions, revisions of data, corpus, index, code and model."
        ),
    )
    _takes_folders(results)
    results.set_defaults(run=_results)

    model = kinds.add_parser(
        "model",
        help="a policy's files with a model card",
        description=(
            "Copy a policy that was evaluated into a new FOLDER, with a README.md whose metadata hold what"
            " was measured (model-index); `hf upload NAME FOLDER` publishes it."
        ),
        epilog="example: stepsearch export model my-searcher --policy trained",
    )
    _takes_folders(model)
    model.add_argument("--policy", default="trained", help="one of evaluate.policies (default: trained)")
    model.add_argument("--name", help="what the card calls the model (default: that of FOLDER)")
    model.add_argument(
        "--params", type=Path, default=ACTIVE, help="the file that is active (default: params.yaml)"
    )
    model.set_defaults(run=_model)


def _takes_folders(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", metavar="FOLDER", type=Path, help="a new one")
    command.add_argument(
        "--data", type=Path, default=Path("data"), help="the stages' outputs (default: data)"
    )


def _results(options: argparse.Namespace) -> None:
    rows, _ = _measured(options.data)
    with _new_folder(options.folder, options.data) as folder:
        write_leaderboard(rows, folder)
    print(f"{len(rows)} rows: {options.folder}/results.json, results.csv and results.md")


def _model(options: argparse.Namespace) -> None:
    from stepsearch_core.evaluation.policies import folder_of
    from stepsearch_core.report.model_card import CARD, model_card, training_sets

    rows, evaluated = _measured(options.data)
    measured = [row for row in rows if row["policy"] == options.policy and options.policy not in CEILINGS]
    if not measured:
        policies = ", ".join(name for name in evaluated["policies"] if name not in CEILINGS)
        raise DataError(f"no policy {options.policy!r} with a model; there are: {policies}", options.data)
    params = load_params(options.params)
    if options.policy not in (*POLICIES, *params.evaluate.others):
        problem = f"{options.policy!r} was evaluated but is no longer here: name it again, as it was then"
        raise DataError(problem, options.params, field="evaluate.others")
    source = folder_of(options.policy, options.data, params)
    if sha256_folder(source) != evaluated["policies"][options.policy]:
        raise DataError("this policy is not the one that was measured; run `dvc repro` first", source)
    manifest = read_object(options.data / "fetch" / "manifest.json", ["files"])
    name = options.name or options.folder.resolve().name
    card = model_card(source, measured, evaluated, params, name, training_sets(manifest))
    with _new_folder(options.folder, options.data) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        card.save(folder / CARD)
    print(f"{options.policy}, with what was measured in its card: {options.folder}")


def _measured(data: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    evaluated = read_evaluated(data / "evaluate" / "evaluated.json")
    metrics = read_metrics(data / "evaluate" / "metrics.json", compared=False)
    return leaderboard_rows(metrics, evaluated), evaluated


@contextmanager
def _new_folder(folder: Path, data: Path) -> Iterator[Path]:
    """A folder that appears whole; what somebody has there is not replaced, nor DVC's outputs added to."""
    with ExitStack() as stack:
        try:
            if not folder.name:
                raise DataError("name a new folder", folder)
            if folder.resolve().is_relative_to(data.resolve()):
                raise DataError(
                    "is among the stages' outputs, which DVC owns: name a folder elsewhere", folder
                )
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise DataError("is there already, and not empty: name a new folder", folder)
            made = stack.enter_context(atomic_folder(folder))
        except OSError as error:
            raise DataError(f"no folder can be made here: {error.strerror}", folder) from None
        yield made
