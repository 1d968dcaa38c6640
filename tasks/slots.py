"""How many runs fit on this machine at once, and the environment of each: cores, memory, GPUs of its own."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

from stepsearch_core.params import Params
from stepsearch_core.planning.plan import main_memory_bytes, make_plan
from stepsearch_core.runtime.allowance import cores, memory

MEMORY_SHARE = 0.8
"""Of main memory that runs may plan for; the rest is the system's."""


def slots(
    runs: Sequence[Params], at_most: int | None = None, gpus: Sequence[str] | None = None
) -> list[dict[str, str]]:
    """Environment variables for each run that is under way; as many as fit, at least one.

    Args:
        runs: parameters of all that are to run.
        at_most: how many at once, if that is fewer.
        gpus: the machine's, as CUDA_VISIBLE_DEVICES names them; None: those that are visible.
    """
    if not runs:
        return []
    names = visible_gpus() if gpus is None else list(gpus)
    processes = max(
        max(run.warmstart.processes, run.train.processes, run.evaluate.processes) for run in runs
    )
    if names:
        each = [
            names[first : first + processes] for first in range(0, len(names) - processes + 1, processes)
        ]
        places = [{"CUDA_VISIBLE_DEVICES": ",".join(group)} for group in each or [names]]
        return places[:at_most]
    needed = max(main_memory_bytes(make_plan(run), run) for run in _sizes(runs))
    fit = min(cores() // processes, math.floor(MEMORY_SHARE * memory() / needed))
    count = max(1, min(fit, at_most or fit, len(runs)))
    return [{"OMP_NUM_THREADS": str(max(1, cores() // count // processes))} for _ in range(count)]


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",")[:count] if named else list(map(str, range(count)))


def _sizes(runs: Sequence[Params]) -> list[Params]:
    """One of each size, as planning asks the model's configuration."""
    return list({repr((run.model, run.train, run.warmstart, run.environment)): run for run in runs}.values())
