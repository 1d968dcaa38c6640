"""The process group of a run, of one rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def exchange(overrides: Sequence[str]) -> dict[str, Any]:
    """Sums over the backend of this machine's devices, and objects over main memory."""
    import torch

    from stepsearch_core.doctor.trial import require
    from stepsearch_core.runtime.devices import own_device
    from stepsearch_core.runtime.process_group import join_process_group, patient_group

    join_process_group()
    numbers = torch.arange(1000.0, device=own_device())
    torch.distributed.all_reduce(numbers)
    require(float(numbers.sum()) == 499_500.0, f"an all-reduce of one rank gave {float(numbers.sum())}")
    items: list[Any] = [None]
    torch.distributed.all_gather_object(items, "item", group=patient_group())
    torch.distributed.barrier(group=patient_group())
    require(items == ["item"], "objects of one rank come back changed")
    return {"backend": torch.distributed.get_backend()}
