"""Which device a process works on: one rule for models, encoders and engines.

Of several ranks on a machine each has a GPU of its own, by its number there; whoever named plain `cuda`
before that was settled got the first one.
"""

from __future__ import annotations

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.ranks import local_rank


class DeviceError(ExplainedError):
    """There are fewer GPUs than ranks."""


def device_of(rank: int, gpus: int) -> str:
    """The device of a rank, counted from 0 on its machine, with so many GPUs visible; as torch writes it.

    Raises:
        DeviceError: there are GPUs, but none for this rank.
    """
    if gpus == 0:
        return "cpu"
    if rank >= gpus:
        raise DeviceError(
            f"process {rank + 1} on this machine has no GPU: {gpus} are visible"
            " (CUDA_VISIBLE_DEVICES); lower the stage's `processes`, or start fewer here"
        )
    return f"cuda:{rank}"


def own_gpu(gpus: int) -> int:
    """The number of this process's GPU, of so many, for libraries that ask for numbers.

    Raises:
        DeviceError: there is none for it.
    """
    device_of(local_rank(), gpus)
    return local_rank()


def own_device() -> str:
    """The device of this process; its number on the machine is that of its GPU."""
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return device_of(local_rank(), gpus)


def take_device() -> None:
    """Make the own device the current one, for libraries that ask for that; before anything is opened."""
    import torch

    if (device := own_device()) != "cpu":
        torch.cuda.set_device(device)
