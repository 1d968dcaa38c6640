"""The sampling engine that `rollout.engine` names, beside the policy that is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from stepsearch_core.params import EnvironmentParams, ModelParams, RolloutParams
from stepsearch_core.sampling.engine import Engine
from stepsearch_core.sampling.transformers_engine import TransformersEngine

GPU_MEMORY_SHARE = 0.6
"""Of a GPU's memory, for vLLM's weights and cache (as released; the paper says .7)."""


def open_engine(
    policy: PreTrainedModel,
    tokenizer: Any,
    folder: Path,
    model: ModelParams,
    environment: EnvironmentParams,
    rollout: RolloutParams,
) -> Engine:
    """An engine that samples with the weights of `policy`, which were loaded from `folder`.

    Raises:
        EngineError: vLLM is not installed or cannot load the policy.
    """
    if rollout.engine == "transformers":
        return TransformersEngine(policy, tokenizer, rollout.temperature)
    from stepsearch_core.sampling.vllm_arguments import vllm_arguments
    from stepsearch_core.sampling.vllm_engine import VllmEngine

    share = GPU_MEMORY_SHARE if torch.cuda.is_available() else None
    arguments = vllm_arguments(str(folder), model, environment, rollout, share)
    return VllmEngine(arguments, tokenizer, rollout.temperature)
