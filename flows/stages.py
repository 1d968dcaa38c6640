"""A DVC stage as a Prefect task: its log streamed, its progress an artifact, its processes ended with the
task.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import networkx as nx
from dvc.repo import Repo
from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext
from prefect.states import State

from tasks.processes import stop
from tasks.repair import repair

TAIL = 20
"""Lines of a failed stage's log that its error repeats."""

WORTH_A_RETRY = (os.EX_TEMPFAIL, 128 + signal.SIGTERM, 128 + signal.SIGKILL)
"""Exit statuses of a stage without a network, and of one that was killed, as shells and launchers report it.
"""

_PERCENT = re.compile(r"^(?P<what>[^:|]*):?\s+(?P<percent>\d{1,3})%\|")
_STATUS = re.compile(r"exited with (-?\d+)")


class StageError(RuntimeError):
    """A stage failed; the message ends with the last lines of its log, `status` is its exit status."""

    def __init__(self, stage: str, status: int, tail: Sequence[str]) -> None:
        super().__init__(f"stage {stage} failed with exit status {status}:\n" + "\n".join(tail))
        self.status = status


def stages_in_order() -> list[str]:
    """The stages of dvc.yaml, each after those that it depends on."""
    with Repo() as repo:
        # An edge leads from a stage to one that it depends on.
        return [stage.addressing for stage in nx.dfs_postorder_nodes(repo.index.graph)]


async def can_help(_task: Any, _run: Any, state: State) -> bool:
    """Whether to retry: bad input stays bad; a network comes back, a killed stage goes on where it was."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, StageError) and (error.status < 0 or error.status in WORTH_A_RETRY)


@task(task_run_name="{stage}", retries=2, retry_delay_seconds=[5, 60], retry_condition_fn=can_help)
def run_stage(stage: str) -> None:
    """Bring one stage up to date with `dvc repro --single-item`.

    Raises:
        StageError: DVC or the stage exited with an error.
    """
    for line in repair():  # a kill may have been what this is tried again for
        get_run_logger().warning(line)
    run_logged(stage, ["dvc", "repro", "--single-item", stage])


@task(task_run_name="{name}", retries=2, retry_delay_seconds=[5, 60], retry_condition_fn=can_help)
def run_module(name: str, *arguments: str) -> None:
    """Run `python -m tasks.NAME`, for work outside of the DAG.

    Raises:
        StageError: it exited with an error.
    """
    run_logged(name, [f"tasks.{name}", *arguments])


def run_logged(name: str, module: Sequence[str]) -> None:
    """Run `python -m MODULE ...` in a session of its own, its output going to the run's log line by line.

    Raises:
        StageError: it exited with an error.
    """
    logger, progress = get_run_logger(), _Progress(name)
    tail: deque[str] = deque(maxlen=TAIL)
    process = _start(module)
    try:
        assert process.stdout is not None
        for line in filter(str.strip, process.stdout):
            logger.info(line.rstrip())
            progress.read(line)
            tail.append(line.rstrip())
        status = process.wait()
    finally:
        stop(process)
    if status:
        inner = _STATUS.findall("\n".join(tail))  # DVC's own status is the same for every failure
        raise StageError(name, int(inner[-1]) if inner else status, tail)
    progress.finish()


class _Progress:
    """The progress artifact of a task run; outside of one, nothing."""

    def __init__(self, name: str) -> None:
        self._id: UUID | None = None
        self._percent = 0.0
        if TaskRunContext.get():
            key = re.sub(r"[^a-z0-9]+", "-", name.lower())
            self._id = create_progress_artifact(0.0, key=f"progress-{key}", description=f"Stage {name}")  # type: ignore[assignment]

    def read(self, line: str) -> None:
        """Take over the percentage of a progress bar's line; several bars start anew with each."""
        match = _PERCENT.match(line)
        if match and (percent := float(match["percent"])) != self._percent:
            self._percent = percent
            self._update(percent, match["what"].strip())

    def finish(self) -> None:
        """The stage is up to date."""
        self._update(100.0, "finished")

    def _update(self, percent: float, what: str) -> None:
        if self._id:
            update_progress_artifact(self._id, percent, description=what)


def _start(module: Sequence[str]) -> subprocess.Popen[str]:
    """Start a module in a session of its own, with this interpreter and rare progress lines."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return subprocess.Popen(
        [sys.executable, "-m", *module],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        env={"TQDM_MININTERVAL": "15", **os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"},
    )
