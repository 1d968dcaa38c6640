"""The arguments of a vLLM engine beside a trainer, in its process: one a GPU, asleep while it learns.

What is sampled must be what the trainer takes it to be, so log-probabilities are those of the distribution
that is sampled, and the sampling defaults that published models carry (top-p, a second end-of-text token)
are left out.
"""

from __future__ import annotations

import math
from typing import Any

from stepsearch_core.params import EnvironmentParams, ModelParams, RolloutParams
from stepsearch_core.policy.structure import DTYPE_BYTES, head_size, key_value_heads

_CPU_BLOCK = 32  # tokens a block: what vLLM's CPU kernels prefer; its default of 128 caches no short context
_CPU_PASS = 2048
"""Tokens a pass at most, more if a context can be longer."""
GPU_MEMORY_SHARE = 0.6
"""Of a GPU's memory at most, for vLLM's weights and cache: as released (the paper's Appendix B says .7)."""
RESERVED_SHARE = 0.05
"""Of a GPU's memory, for the CUDA context, DeepSpeed's buckets and fragmentation."""


def memory_share(held: float, gpu: float) -> float:
    """What vLLM gets of a GPU's memory, in hundredths: `GPU_MEMORY_SHARE`, or what the trainer leaves.

    Args:
        held: bytes that lie beside it throughout: a trainer's (`training.sampler_memory`) or a policy's.
        gpu: bytes that the GPU has.
    """
    left = round(1 - RESERVED_SHARE - held / gpu, 9)  # .45, and not what floats make of .95 - .5
    return max(0.0, min(GPU_MEMORY_SHARE, math.floor(100 * left) / 100))


def vllm_arguments(
    source: str,
    model: ModelParams,
    environment: EnvironmentParams,
    rollout: RolloutParams,
    share: float | None = None,
) -> dict[str, Any]:
    """Keyword arguments of `vllm.EngineArgs`.

    Prefix caching keeps a trajectory's context over its turns; sleep mode gives the memory back for the
    update. Each process samples its own share of the trajectories, or `rollout.tensor_parallel` of them do
    together with a model that is split over their GPUs (the release splits it over 4).

    Args:
        source: name or folder of the policy to start from; its tokenizer is there, too.
        model: its dtype.
        environment: `max_trajectory_tokens` is the longest context.
        rollout: `batch_size` is how many trajectories run at once on each model, `tensor_parallel` how many
            GPUs have a part of it.
        share: of the GPU's memory (`memory_share`); None without a GPU: then nothing is compiled, and the
            cache holds `batch_size` contexts of full length.
    """
    tokens = environment.max_trajectory_tokens
    slots = rollout.batch_size
    arguments = {
        "model": source,
        "dtype": model.dtype,
        "max_model_len": tokens,
        "max_num_seqs": slots,
        "enable_prefix_caching": True,
        "logprobs_mode": "processed_logprobs",
        "generation_config": "vllm",
        "tensor_parallel_size": rollout.tensor_parallel,
    }
    if share is not None:
        return arguments | {"gpu_memory_utilization": share, "enable_sleep_mode": True}
    blocks = slots * -(-tokens // _CPU_BLOCK) + 1  # vLLM keeps one empty
    return arguments | {
        "enforce_eager": True,
        "block_size": _CPU_BLOCK,
        "enable_chunked_prefill": (
            False
        ),  # where a pass ends within a prompt it rewinds a generator, as no CPU's can be
        "max_num_batched_tokens": max(_CPU_PASS, tokens),
        "kv_cache_memory_bytes": blocks * _CPU_BLOCK * _token_bytes(source, model.dtype),
    }


def _token_bytes(source: str, dtype: str) -> int:
    """Of the keys and values of one token."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(source).to_dict()
    heads = config["num_hidden_layers"] * key_value_heads(config)
    return 2 * heads * head_size(config) * DTYPE_BYTES[dtype]
