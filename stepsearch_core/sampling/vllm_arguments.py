"""The arguments of a vLLM engine beside a trainer, in its process: one a GPU, asleep while it learns.

What is sampled must be what the trainer takes it to be, so log-probabilities are those of the distribution
that is sampled, and the sampling defaults that published models carry (top-p, a second end-of-text token)
are left out.
"""

from __future__ import annotations

from typing import Any

from stepsearch_core.params import EnvironmentParams, ModelParams, RolloutParams

_CPU_BLOCK = 32  # tokens a block: what vLLM's CPU kernels prefer; its default of 128 caches no short context
_CPU_PASS = 2048
"""Tokens a pass at most, more if a context can be longer."""
_DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def vllm_arguments(
    source: str,
    model: ModelParams,
    environment: EnvironmentParams,
    rollout: RolloutParams,
    memory_share: float | None = None,
) -> dict[str, Any]:
    """Keyword arguments of `vllm.EngineArgs`.

    Prefix caching keeps a trajectory's context over its turns; sleep mode gives the memory back for the
    update. Each process samples its own share of the trajectories, so nothing is split over GPUs (the
    release splits the model over 4).

    Args:
        source: name or folder of the policy to start from; its tokenizer is there, too.
        model: its dtype.
        environment: `max_trajectory_tokens` is the longest context.
        rollout: `batch_size` is how many trajectories run at once.
        memory_share: of the GPU's memory, for weights and cache; None without a GPU: then nothing is
            compiled, and the cache holds `batch_size` contexts of full length.
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
        "tensor_parallel_size": 1,
    }
    if memory_share is not None:
        return arguments | {"gpu_memory_utilization": round(memory_share, 2), "enable_sleep_mode": True}
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

    config = AutoConfig.from_pretrained(source)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * config.num_key_value_heads * head_dim * _DTYPE_BYTES[dtype]
