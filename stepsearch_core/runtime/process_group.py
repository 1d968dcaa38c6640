"""The process group of a run, which trainer and sampling engine share, whichever of them comes first."""

from __future__ import annotations

import atexit
import os
from datetime import timedelta

import torch

from stepsearch_core.runtime.devices import take_device

PATIENCE = timedelta(days=7)
"""How long ranks wait for each other's files and trajectories. A rank that dies is noticed by the launcher,
or at once by the loss of its connection; torch's own ten minutes (NCCL) end runs in which one only took its
time.
"""

_patient: torch.distributed.ProcessGroup | None = None


def patient_group() -> torch.distributed.ProcessGroup:
    """The ranks as a group over main memory, which waits without a time-out; first asked for by all."""
    global _patient
    if _patient is None:
        join_process_group()
        _patient = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)
    return _patient


def patient_subgroup(size: int) -> torch.distributed.ProcessGroup:
    """The group of `size` ranks in a row that this one is in; as `patient_group`, asked for by all."""
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    groups = [
        torch.distributed.new_group(list(range(start, start + size)), backend="gloo", timeout=PATIENCE)
        for start in range(0, ranks, size)
    ]
    return groups[rank // size]


def join_process_group() -> None:
    """Join the group of torch's launcher, or begin one of this process alone; once is enough.

    Left to themselves without a launcher, DeepSpeed looks for MPI and a port, and vLLM begins a group that
    DeepSpeed cannot use. One over a store in memory needs nothing.
    """
    if torch.distributed.is_initialized():
        return
    atexit.register(leave_process_group)
    cuda = torch.cuda.is_available()
    backend = "nccl" if cuda else "gloo"
    if "RANK" in os.environ:  # torch's launcher has set this and all that is needed
        take_device()
        torch.distributed.init_process_group(backend)
        return
    os.environ["LOCAL_RANK"] = "0"
    torch.distributed.init_process_group(backend, store=torch.distributed.HashStore(), rank=0, world_size=1)


def leave_process_group() -> None:
    """At exit: a group whose threads outlive the interpreter can abort a process that succeeded."""
    global _patient
    _patient = None
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
