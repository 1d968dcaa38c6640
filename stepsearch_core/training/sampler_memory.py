"""What vLLM gets of a GPU beside a trainer: counted once, for the plan of a profile and for its run.

A trainer's states stay on the GPU while trajectories are sampled; vLLM has the rest, but for a reserve.
While the policy learns vLLM is asleep, and what the update takes besides comes in its place.
"""

from __future__ import annotations

from stepsearch_core.params import Params
from stepsearch_core.policy.structure import DTYPE_BYTES
from stepsearch_core.retrieval.footprint import gpu_bytes
from stepsearch_core.training.architecture import Architecture
from stepsearch_core.training.memory import cache_bytes, held_bytes


def beside_sampler(shape: Architecture, params: Params, dense_index: int) -> dict[str, float]:
    """What each GPU holds throughout training, vLLM apart, by name.

    The trainer's states, and the dense index (of so many bytes in its files) where GPUs search it.
    """
    states, _ = held_bytes(shape, params.model.dtype, params.train)
    if params.retrieval.device == "cuda" and dense_index:
        states["dense index"] = gpu_bytes(params.retrieval, dense_index)
    return states


def sampler_weight_bytes(shape: Architecture, params: Params) -> float:
    """Of vLLM's weights on each of the GPUs that its model is split over."""
    return shape.parameters * DTYPE_BYTES[params.model.dtype] / params.rollout.tensor_parallel


def least_share_bytes(shape: Architecture, params: Params) -> float:
    """With less than its weights and one whole context vLLM does not start."""
    context = cache_bytes(shape, 1, params.environment.max_trajectory_tokens, params.model.dtype)
    return sampler_weight_bytes(shape, params) + context / params.rollout.tensor_parallel
