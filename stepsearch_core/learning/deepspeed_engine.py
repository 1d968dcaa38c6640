"""DeepSpeed engines, on a CPU or on GPUs, with or without a launcher.

The trainer normalises its losses over global token counts, so gradients are summed over micro-batches and
ranks, and the caller says which micro-batch is the last one before an optimizer step.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.ranks import world_size
from stepsearch_core.learning.deepspeed_config import deepspeed_config, frozen_config
from stepsearch_core.params import LearningParams
from stepsearch_core.runtime.process_group import join_process_group

_TAG = "deepspeed"


def adamw(
    parameters: Iterable[nn.Parameter],
    learning_rate: float,
    weight_decay: float,
    betas: tuple[float, float] = (0.9, 0.95),
) -> torch.optim.AdamW:
    """The optimizer of the warm start and of PPO.

    Fused, it passes over its states once: on a CPU, where offloaded states are stepped, that takes a tenth
    of the time; on a GPU it needs no copies beside them.
    """
    return torch.optim.AdamW(
        parameters, lr=learning_rate, betas=betas, weight_decay=weight_decay, fused=True
    )


class DeepSpeedEngine:
    """A module under DeepSpeed ZeRO: accumulate losses, step, save, load."""

    def __init__(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        params: LearningParams,
        scheduler: LRScheduler | None = None,
    ) -> None:
        deepspeed = prepare_deepspeed()
        self._unclipped_norm = math.nan  # until there is a step
        bfloat16 = next(module.parameters()).dtype is torch.bfloat16
        config = deepspeed_config(params, bfloat16)
        self.engine, *_ = deepspeed.initialize(
            model=module, optimizer=optimizer, lr_scheduler=scheduler, config=config, dist_init_required=None
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module's forward pass."""
        return self.engine(*args, **kwargs)

    def accumulate(self, loss: Tensor, last: bool) -> None:
        """Backward pass; after the `last` micro-batch the optimizer's step, unless a gradient is not finite.

        Every rank calls this equally often. The loss trained on is the sum over ranks of what they pass.
        """
        self.engine.set_gradient_accumulation_boundary(is_boundary=last)
        # DeepSpeed averages gradients over ranks
        self.engine.backward(loss * world_size(), scale_wrt_gas=False)
        if last:
            self._unclipped_norm = self._norm_of_plain_gradients()
            # where DeepSpeed wraps the optimizer it looks itself
            if not math.isfinite(self._unclipped_norm):
                self.engine.optimizer.zero_grad()
                self.engine.skipped_steps += 1
                return
        self.engine.step()

    def save(self, folder: Path) -> None:
        """Write weights, optimizer and scheduler to a new folder; called by every rank."""
        self.engine.save_checkpoint(str(folder), tag=_TAG, save_latest=False)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote with as many processes; called by every rank.

        Raises:
            DataError: the folder holds no whole checkpoint, or one of another architecture.
        """
        if not (folder / _TAG).is_dir():
            raise DataError("no DeepSpeed checkpoint here", folder)
        try:
            self.engine.load_checkpoint(str(folder), tag=_TAG)
        except (RuntimeError, OSError, EOFError, AssertionError, UnpicklingError) as error:
            mismatches = [line.strip() for line in str(error).splitlines() if "size mismatch" in line]
            problem = (
                mismatches[0]
                if mismatches
                else f"damaged, or of another kind: {' '.join(str(error).split()) or 'files are missing'}"
            )
            raise DataError(f"the checkpoint cannot be loaded: {problem}", folder) from None

    @property
    def grad_norm(self) -> float:
        """Gradient norm of the last step, before clipping; NaN before the first."""
        norm = self.engine.get_global_grad_norm()
        return self._unclipped_norm if norm is None else float(norm)

    @property
    def skipped(self) -> int:
        """Optimizer steps left out so far, before a resume too: a gradient was not finite."""
        return int(self.engine.skipped_steps)

    @property
    def device(self) -> torch.device:
        """Where the module's weights are."""
        return torch.device(self.engine.device)

    def _norm_of_plain_gradients(self) -> float:
        """DeepSpeed clips without keeping the norm where it wraps no optimizer (ZeRO 0 in fp32)."""
        gradients = [
            parameter.grad for parameter in self.engine.module.parameters() if parameter.grad is not None
        ]
        return float(torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0


def frozen(module: nn.Module, offload: bool) -> nn.Module:
    """A module that is only asked: its weights sharded over ranks, in main memory if it is to `offload`."""
    bfloat16 = next(module.parameters()).dtype is torch.bfloat16
    engine, *_ = prepare_deepspeed().initialize(model=module, config=frozen_config(offload, bfloat16))
    return engine


def whole(parameter: nn.Parameter) -> AbstractContextManager[Any]:
    """Within it a parameter sharded by ZeRO 3 is whole on every rank, as others are; entered by all."""
    return prepare_deepspeed().zero.GatheredParameters([parameter])


def whole_weights(module: nn.Module) -> dict[str, Tensor]:
    """Copies of a module's parameters by name, in main memory; called by every rank."""
    weights = {}
    for name, parameter in module.named_parameters():
        with whole(parameter):
            weights[name] = parameter.detach().cpu().clone()
    return weights


def copy_whole(trained: nn.Module, copy: nn.Module) -> None:
    """Give `copy`, a module with whole weights, the trained ones of ZeRO 3; called by every rank."""
    for source, target in zip(trained.parameters(), copy.parameters(), strict=True):
        with whole(source), torch.no_grad():
            target.copy_(source)


@cache
def prepare_deepspeed() -> Any:
    """Import DeepSpeed with a process group for it, and without compiling anything; once.

    On a CPU it would build a shared-memory operator at start (half a minute and a compiler).
    """
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    os.environ.setdefault("DEEPSPEED_LOG_LEVEL", "warning")
    # ZeRO calls functions of torch.distributed by their old names; users can do nothing about it.
    warnings.filterwarnings(
        "ignore", message=r"`torch\.distributed\.\w+` is deprecated", category=FutureWarning
    )
    join_process_group()
    import deepspeed
    import deepspeed.ops

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed
