"""DeepSpeed engines, on a CPU or on GPUs, with or without a launcher.

The trainer normalises its losses over global token counts, so gradients are accumulated unscaled and the caller says
which micro-batch is the last one before an optimizer step.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from stepsearch_core.io import DataError

_TAG = "deepspeed"


class DeepSpeedTrainer:
    """A module under DeepSpeed ZeRO: accumulate losses, step, save, load."""

    def __init__(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        max_grad_norm: float,
        zero_stage: int = 0,
        scheduler: LRScheduler | None = None,
    ) -> None:
        deepspeed = prepare_deepspeed()
        config = {
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": 1,
            "gradient_clipping": max_grad_norm,
            "zero_optimization": {"stage": zero_stage},
            "zero_allow_untested_optimizer": True,
            "bf16": {"enabled": next(module.parameters()).dtype is torch.bfloat16},
            "steps_per_print": 2**31,
        }
        self.engine, *_ = deepspeed.initialize(
            model=module, optimizer=optimizer, lr_scheduler=scheduler, config=config, dist_init_required=None
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module's forward pass."""
        return self.engine(*args, **kwargs)

    def accumulate(self, loss: Tensor, last: bool) -> None:
        """Backward pass; after the `last` micro-batch also the optimizer's step."""
        self.engine.set_gradient_accumulation_boundary(is_boundary=last)
        self.engine.backward(loss, scale_wrt_gas=False)
        if last:
            self._unclipped_norm = self._norm_of_plain_gradients()
        self.engine.step()

    def save(self, folder: Path) -> None:
        """Write weights, optimizer and scheduler to a new folder."""
        self.engine.save_checkpoint(str(folder), tag=_TAG, save_latest=False)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote.

        Raises:
            DataError: the folder holds no checkpoint.
        """
        if not (folder / _TAG).is_dir():
            raise DataError("no DeepSpeed checkpoint here", folder)
        self.engine.load_checkpoint(str(folder), tag=_TAG)

    @property
    def grad_norm(self) -> float:
        """Gradient norm of the last step, before clipping."""
        norm = self.engine.get_global_grad_norm()
        return self._unclipped_norm if norm is None else float(norm)

    def _norm_of_plain_gradients(self) -> float:
        """DeepSpeed clips without keeping the norm where it wraps no optimizer (ZeRO 0 in fp32)."""
        gradients = [parameter.grad for parameter in self.engine.module.parameters() if parameter.grad is not None]
        return float(torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0


def prepare_deepspeed() -> Any:
    """Import DeepSpeed with what one process without a launcher needs, and without compiling anything.

    DeepSpeed asks for MPI unless rank and rendezvous are in the environment; on a CPU it would build a shared-memory
    operator at start (half a minute and a compiler) that only several processes on one machine gain from.
    """
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    os.environ.setdefault("DEEPSPEED_LOG_LEVEL", "warning")
    for name, value in (("RANK", "0"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "1"), ("MASTER_ADDR", "127.0.0.1")):
        os.environ.setdefault(name, value)
    if "MASTER_PORT" not in os.environ:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            os.environ["MASTER_PORT"] = str(free.getsockname()[1])
    import deepspeed
    import deepspeed.ops

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed
