"""The DeepSpeed configurations: what warm start and training run with and what `stepsearch plan` prints."""

from __future__ import annotations

from typing import Any

from stepsearch_core.params import LearningParams

_IN_MAIN_MEMORY = {"device": "cpu"}
BUCKET = 50_000_000
"""Numbers that ranks exchange at once. By itself DeepSpeed takes ten times as many: 1 to 2 GB of a GPU."""


def deepspeed_config(params: LearningParams, bfloat16: bool) -> dict[str, Any]:
    """DeepSpeed's configuration of what is trained.

    Micro-batches differ in size and losses are normalised over global token counts, so the batch sizes that
    DeepSpeed wants are formal and gradients are accumulated unscaled. With states in main memory it would
    insist on an optimizer of its own, which is compiled where it runs; torch's fused AdamW is as good there.

    Args:
        params: the section `warmstart` or `train`.
        bfloat16: the dtype of the weights, else float32.
    """
    zero: dict[str, Any] = {"stage": params.zero_stage}
    if params.offload_optimizer:
        zero["offload_optimizer"] = _IN_MAIN_MEMORY
    config = {
        **_base(zero, bfloat16),
        "gradient_accumulation_steps": 1,
        "gradient_clipping": params.max_grad_norm,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
    }
    if bfloat16 and params.gradient_dtype == "float32":
        config |= {"communication_data_type": "fp32", "data_types": {"grad_accum_dtype": "fp32"}}
    return config


def frozen_config(offload: bool, bfloat16: bool) -> dict[str, Any]:
    """DeepSpeed's configuration of what is only asked: its weights sharded over ranks by ZeRO 3.

    With `offload` each rank's shard lies in main memory, and a layer is on the GPU while it computes.
    """
    return _base({"stage": 3, "offload_param": _IN_MAIN_MEMORY} if offload else {"stage": 3}, bfloat16)


def _base(zero: dict[str, Any], bfloat16: bool) -> dict[str, Any]:
    return {
        "train_micro_batch_size_per_gpu": 1,
        "zero_optimization": {**zero, "reduce_bucket_size": BUCKET, "allgather_bucket_size": BUCKET},
        "bf16": {"enabled": bfloat16},
        "steps_per_print": 2**31,
    }
