"""The flow `train-stepsearch`: every DVC stage in the order of the DAG, one Prefect task each.

    python -m flows.train_stepsearch --profile micro train.steps=5
    prefect deployment run train-stepsearch/train-stepsearch --param profile=micro --watch

A task runs `dvc repro --single-item STAGE`, so that a stage that is up to date is skipped and one that ran
is recorded in dvc.lock, exactly as by hand.
"""

from __future__ import annotations

import argparse
import sys

from prefect import flow, get_run_logger

from flows.artifacts import publish_results
from flows.checkout import CheckoutBusyError, checkout_lock
from flows.stages import StageError, run_stage, stages_in_order
from stepsearch_core.base.errors import DataError
from stepsearch_core.base.terminal import terminal
from stepsearch_core.params import ParamsError
from stepsearch_core.profiles import activate
from tasks.repair import repair


@flow(name="train-stepsearch")
def train_stepsearch(profile: str | None = None, overrides: list[str] | None = None) -> None:
    """Run the stages that are out of date; `profile` with `key=value` overrides becomes active first.

    Raises:
        ParamsError: an unknown profile, overrides without a profile, or an override that does not fit the
            schema.
        StageError: a stage failed; those before it stay done.
        CheckoutBusyError: another flow run writes in this checkout.
    """
    with checkout_lock():
        if profile:
            activate(profile, overrides)
        elif overrides:
            raise ParamsError("overrides need a profile to be laid over")
        for line in repair():
            get_run_logger().warning(line)
        for stage in stages_in_order():
            run_stage(stage)
        publish_results()


@terminal()
def main(arguments: list[str] | None = None) -> None:
    """Start the flow from the command line; exit with 1 and the reason if it fails."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.train_stepsearch", description=train_stepsearch.description
    )
    parser.add_argument("--profile", metavar="NAME", help="make conf/NAME.yaml the active parameters first")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="values to replace in the profile")
    options = parser.parse_args(arguments)
    try:
        train_stepsearch(options.profile, options.overrides)
    except (DataError, ParamsError, StageError, CheckoutBusyError) as error:
        sys.exit(f"train-stepsearch: {error}")


if __name__ == "__main__":
    main()
