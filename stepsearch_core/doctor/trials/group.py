"""The process group of a run, of one rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def exchange(overrides: Sequence[str]) -> dict[str, Any]:
    """Sums over the backend of this machine's devices, and objects over main memory."""
    import torch

    from stepsearch_core.doctor.trial import require
    from stepsearch_core.learning.distributed import all_reduce_sum, gather
    from stepsearch_core.runtime.devices import own_device
    from stepsearch_core.runtime.process_group import join_process_group

    join_process_group()
    numbers = torch.arange(1000.0, device=own_device())
    torch.distributed.all_reduce(numbers)
    require(float(numbers.sum()) == 499_500.0, f"an all-reduce of one rank gave {float(numbers.sum())}")
    require(all_reduce_sum({"loss": 0.5}) == {"loss": 0.5}, "a sum of one rank is another number")
    require(gather(["item"]) == ["item"], "objects of one rank come back changed")
    return {"backend": torch.distributed.get_backend()}
