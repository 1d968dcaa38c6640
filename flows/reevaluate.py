"""The flow `reevaluate`: finds out whether the promoted policy is still as good as when it was promoted.

    python -m flows.reevaluate
    prefect deployment run reevaluate/reevaluate --watch        (or by its schedule: prefect.yaml)

Benchmarks, corpus and index are brought up to date first, since they are what may have changed under the
policy. A significant drop ends the flow in the failed state `Degraded`, so that Prefect emits
`prefect.flow-run.Degraded`, which an automation can act on; its worst questions are an artifact.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled, Completed, Failed, State

from flows.checkout import CheckoutBusyError, checkout_lock
from flows.stages import StageError, run_module, run_stage
from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_json
from stepsearch_core.base.terminal import terminal
from stepsearch_core.evaluation.comparison import verdict
from stepsearch_core.evaluation.promotion import LATEST
from stepsearch_core.metrics.measures import BY_KEY, Measure

REFRESHED = ("fetch", "corpus", "index")

DEGRADED = "Degraded"
"""Name of the final state of a run that found a significant drop."""


@flow(name="reevaluate")
def reevaluate() -> State[Any]:
    """Refresh what the promoted policy is measured on, evaluate it, compare with earlier evaluations.

    Raises:
        StageError: a stage failed, or no policy has been promoted.
        CheckoutBusyError: another flow run writes in this checkout.
    """
    with checkout_lock():
        cancel_runs_behind_this_one()
        for stage in REFRESHED:
            run_stage(stage)
        run_module("reevaluate")
        comparison = read_json(LATEST)
    publish(comparison)
    if comparison["degraded"]:
        return Failed(name=DEGRADED, message=verdict(comparison))
    return Completed(message=verdict(comparison))


def cancel_runs_behind_this_one() -> None:
    """Cancel runs of this deployment that became due while this one waited: they would measure the same."""
    if not deployment.id:
        return
    with get_client(sync_client=True) as client:
        late = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(
                {
                    "deployment_id": {"any_": [deployment.id]},
                    "state": {"type": {"any_": ["SCHEDULED"]}},
                    "expected_start_time": {"before_": datetime.now(UTC)},
                }
            )
        )
        for run in late:
            reason: State[None] = Cancelled(
                message=f"superseded by {flow_run.name}, which had been waiting as well"
            )
            client.set_flow_run_state(run.id, reason, force=True)
            get_run_logger().info("cancelled %s, due meanwhile", run.name)


def publish(comparison: dict[str, Any]) -> None:
    """The comparison and the worst questions as artifacts."""
    rows = [
        _row(against, BY_KEY[key], cell)
        for against, result in comparison["against"].items()
        for key, cell in result["difference"].items()
        if cell["n"]
    ]
    header = "| against | measure | better | difference | interval | questions |"
    table = "\n".join([header, "|---|---|---|---|---|---|", *rows])
    create_markdown_artifact(f"{verdict(comparison)}\n\n{table}", key="reevaluation")
    worst = next((result["worst"] for result in comparison["against"].values() if result["degraded"]), None)
    if worst:
        create_table_artifact(worst, key="worst-questions", description="Questions that lost most F1")


def _row(against: str, measure: Measure, cell: dict[str, Any]) -> str:
    value, low, high = (f"{cell[end]:+.{measure.digits}f}" for end in ("value", "low", "high"))
    return f"| {against} | {measure.label} | {measure.better} | {value} | {low} to {high} | {cell['n']} |"


@terminal()
def main(arguments: list[str] | None = None) -> None:
    """Start the flow from the command line; exit with 1 if the policy became worse or the flow failed."""
    argparse.ArgumentParser(
        prog="python -m flows.reevaluate", description=reevaluate.description
    ).parse_args(arguments)
    try:
        state: State[Any] = reevaluate(return_state=True)
        if not state.is_completed() and state.name != DEGRADED:
            state.result()  # raises what went wrong
    except (StageError, CheckoutBusyError, DataError) as error:
        sys.exit(f"reevaluate: {error}")
    print(state.message)
    sys.exit(1 if state.name == DEGRADED else 0)


if __name__ == "__main__":
    main()
