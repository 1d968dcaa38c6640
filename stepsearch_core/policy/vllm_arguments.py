"""The arguments of a vLLM engine beside a trainer on its GPU: one engine a GPU, asleep while the policy learns."""

from __future__ import annotations

from typing import Any

from stepsearch_core.params import EnvironmentParams, ModelParams, RolloutParams


def vllm_arguments(
    source: str, model: ModelParams, environment: EnvironmentParams, rollout: RolloutParams, memory_share: float
) -> dict[str, Any]:
    """Keyword arguments of `vllm.LLM`.

    Prefix caching keeps a trajectory's context over its turns; sleep mode gives the memory back for the update. Each
    GPU samples its own share of the trajectories, so nothing is split over GPUs (the release splits the model over 4).

    Args:
        source: name or folder of the policy to start from.
        model: its dtype.
        environment: `max_trajectory_tokens` is the longest context.
        rollout: `batch_size` is how many trajectories run at once.
        memory_share: of the GPU's memory, for weights and cache.
    """
    return {
        "model": source,
        "dtype": model.dtype,
        "gpu_memory_utilization": round(memory_share, 2),
        "max_model_len": environment.max_trajectory_tokens,
        "max_num_seqs": rollout.batch_size,
        "enable_prefix_caching": True,
        "enable_sleep_mode": True,
        "tensor_parallel_size": 1,
    }
