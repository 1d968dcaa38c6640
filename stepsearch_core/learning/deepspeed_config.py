"""The one DeepSpeed configuration: what training runs with and what `stepsearch plan` prints."""

from __future__ import annotations

from typing import Any


def deepspeed_config(zero_stage: int, max_grad_norm: float, bfloat16: bool) -> dict[str, Any]:
    """DeepSpeed's configuration dictionary.

    Micro-batches differ in size and losses are normalised over global token counts, so the batch sizes that
    DeepSpeed wants are formal and gradients are accumulated unscaled.
    """
    return {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": max_grad_norm,
        "zero_optimization": {"stage": zero_stage},
        "zero_allow_untested_optimizer": True,
        "bf16": {"enabled": bfloat16},
        "steps_per_print": 2**31,
    }
