"""Which of a run's processes this one is, as torch's launcher and DeepSpeed's say in the environment.

A process that no launcher has started is rank 0 of 1. Ranks count over all machines, local ranks on each.
"""

from __future__ import annotations

import os

from stepsearch_core.base.errors import ExplainedError

_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class LauncherError(ExplainedError):
    """What a launcher has started is not what can be run, or no longer."""


def launched() -> bool:
    """Whether a launcher has started this process as one of its ranks.

    Raises:
        LauncherError: something has, but does not say all that ranks have to know.
    """
    if not {"RANK", "WORLD_SIZE"} & os.environ.keys():
        return False
    if missing := [name for name in _VARIABLES if name not in os.environ]:
        raise LauncherError(
            f"the environment lacks {', '.join(missing)} of {', '.join(_VARIABLES)}: torchrun and"
            " DeepSpeed's launcher set them all, and a process alone wants none of them"
        )
    return True


def rank() -> int:
    """The number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """The number of processes, over all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """The number of this process among those of the run on this machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_size() -> int:
    """The number of processes of the run on this machine: torch's launcher says it, or DeepSpeed's."""
    return int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("LOCAL_SIZE") or "1")


def is_main() -> bool:
    """True for the one rank that writes outputs, logs and progress bars."""
    return rank() == 0


def is_first_here() -> bool:
    """True for one rank of each machine: it downloads, and says what all of them would."""
    return local_rank() == 0
