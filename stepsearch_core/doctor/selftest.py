"""`stepsearch selftest`: each trial in a process of its own, a line as it ends, and a file for an issue."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tqdm import tqdm

from stepsearch_core.base.amounts import gigabytes
from stepsearch_core.checking.gpus import ToolError, driver_cuda, listed_gpus
from stepsearch_core.doctor.anonymous import without_places
from stepsearch_core.doctor.apart import Apart, Ending
from stepsearch_core.doctor.trial import NotHereError, Trial
from stepsearch_core.runtime.allowance import cores, memory
from stepsearch_core.runtime.software import versions

_FOLDER = "stepsearch_core.doctor.trials"


class Status(StrEnum):
    """How a trial ended."""

    OK = "ok"
    FAILED = "failed"
    NOT_HERE = "not here"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trial and what became of it."""

    trial: Trial
    ending: Ending

    @property
    def status(self) -> Status:
        """Whether it did what it should."""
        if not self.ending.failed:
            return Status.OK
        return Status.NOT_HERE if self.ending.error == NotHereError.__name__ else Status.FAILED

    def __str__(self) -> str:
        ending = self.ending
        told = ending.reason or ", ".join(f"{name} {_shown(value)}" for name, value in ending.value.items())
        line = f"{self.trial.name:<24}{self.status}" + (f": {told}" if told else "")
        taken = f"{ending.seconds:.1f} s" + (f", {gigabytes(ending.memory)}" if ending.memory else "")
        return f"{line} ({taken}{f', GPU {gigabytes(ending.gpu_memory)}' if ending.gpu_memory else ''})"

    def to_json(self) -> dict[str, Any]:
        """For the file; a failure has the end of its traceback, without the names of folders."""
        ending = self.ending
        told = {
            "name": self.trial.name,
            "meaning": self.trial.meaning,
            "overrides": list(self.trial.overrides),
            "status": str(self.status),
            "seconds": round(ending.seconds, 2),
            "peak_memory": ending.memory,
            "peak_gpu_memory": ending.gpu_memory,
        }
        if self.status is Status.OK:
            return told | {"figures": ending.value}
        told |= {"error": ending.error, "reason": without_places(ending.reason)}
        if self.status is Status.FAILED:
            told["trace"] = without_places(ending.trace).splitlines()
        return told


def run_trials(trials: Sequence[Trial], tell: Callable[[str], None], folder: str = _FOLDER) -> list[Outcome]:
    """Run each to its end, its crash or its limit, one after the other.

    Args:
        trials: what to try.
        tell: gets a line as each ends.
        folder: the package that the trials' modules lie in.
    """
    outcomes = []
    with tqdm(trials, unit="trial", leave=False, disable=None) as bar:
        for trial in bar:
            bar.set_postfix_str(trial.name)
            asked = Apart(f"{folder}.{trial.function}", overrides=list(trial.overrides))
            try:
                outcome = Outcome(trial, asked.ending(trial.limit))
            finally:
                asked.end()
            outcomes.append(outcome)
            with tqdm.external_write_mode():
                tell(str(outcome))
    return outcomes


def summary(outcomes: Iterable[Outcome]) -> str:
    """How many ended in each way."""
    statuses = [outcome.status for outcome in outcomes]
    return ", ".join(f"{statuses.count(status)} {status}" for status in Status)


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What is attached to an issue: the software, the machine without its name, and every outcome."""
    return {
        "versions": versions(),
        "machine": dict(_machine()),
        "trials": [outcome.to_json() for outcome in outcomes],
    }


def _machine() -> Iterator[tuple[str, Any]]:
    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield "cores", cores()
    yield "omp_num_threads", os.environ.get("OMP_NUM_THREADS")
    yield "memory", memory()
    try:
        gpus = listed_gpus()
        yield "gpus", [{"name": gpu.name, "memory": gpu.memory} for gpu in gpus]
        yield "driver", gpus[0].driver if gpus else None
        yield "driver_cuda", driver_cuda() if gpus else None
    except ToolError as error:
        yield "gpus", str(error)


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
