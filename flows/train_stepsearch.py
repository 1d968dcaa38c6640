"""The flow `train-stepsearch`: every DVC stage in the order of the DAG, one Prefect task each.

    python -m flows.train_stepsearch --profile micro train.steps=5

A task runs `dvc repro --single-item STAGE`, so that a stage that is up to date is skipped and one that ran is recorded
in dvc.lock, exactly as by hand. DVC locks its workspace: one run at a time in a checkout.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import networkx as nx
from dvc.repo import Repo
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from stepsearch_core.params import ParamsError
from stepsearch_core.profiles import activate
from stepsearch_core.report.inputs import read_metrics
from stepsearch_core.report.results import results_table

TAIL = 20
"""Lines of a failed stage's log that its error repeats."""


class StageError(RuntimeError):
    """A stage failed; the message ends with the last lines of its log."""


@flow(name="train-stepsearch")
def train_stepsearch(profile: str | None = None, overrides: list[str] | None = None) -> None:
    """Run the stages that are out of date; `profile` and its `key=value` overrides become the active parameters first.

    Raises:
        ParamsError: an unknown profile, overrides without a profile, or an override that does not fit the schema.
        StageError: a stage failed; those before it stay done.
    """
    if profile:
        activate(profile, overrides)
    elif overrides:
        raise ParamsError("overrides need a profile to be laid over")
    for stage in stages_in_order():
        run_stage(stage)
    table = results_table(read_metrics(Path("data/evaluate/metrics.json")))
    create_markdown_artifact(key="results", markdown=f"```\n{table}\n```")


def stages_in_order() -> list[str]:
    """The stages of dvc.yaml, each after those that it depends on."""
    with Repo() as repo:
        # An edge leads from a stage to one that it depends on.
        return [stage.addressing for stage in nx.dfs_postorder_nodes(repo.index.graph)]


@task(task_run_name="{stage}")
def run_stage(stage: str) -> None:
    """Bring one stage up to date, its output going to the run's log line by line.

    Raises:
        StageError: DVC or the stage exited with an error.
    """
    logger = get_run_logger()
    tail: deque[str] = deque(maxlen=TAIL)
    process = _start(["repro", "--single-item", stage])
    try:
        assert process.stdout is not None
        for line in filter(str.strip, process.stdout):
            logger.info(line.rstrip())
            tail.append(line.rstrip())
        status = process.wait()
    finally:
        _stop(process)
    if status:
        raise StageError(f"stage {stage} failed with exit status {status}:\n" + "\n".join(tail))


def _start(arguments: list[str]) -> subprocess.Popen[str]:
    """Start dvc in a session of its own, stages finding this interpreter and its progress bars speaking rarely."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={"TQDM_MININTERVAL": "15", **os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"},
    )


def _stop(process: subprocess.Popen[str]) -> None:
    """End dvc *and* the stage under it, which outlives a killed dvc (a cancelled flow run, Ctrl-C)."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def main(arguments: list[str] | None = None) -> None:
    """Start the flow from the command line; exit with 1 and the reason if it fails."""
    parser = argparse.ArgumentParser(prog="python -m flows.train_stepsearch", description=train_stepsearch.description)
    parser.add_argument("--profile", metavar="NAME", help="make conf/NAME.yaml the active parameters first")
    parser.add_argument("overrides", metavar="key=value", nargs="*", help="values to replace in the profile")
    options = parser.parse_args(arguments)
    try:
        train_stepsearch(options.profile, options.overrides)
    except (ParamsError, StageError) as error:
        sys.exit(f"train-stepsearch: {error}")


if __name__ == "__main__":
    main()
