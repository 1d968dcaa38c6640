"""The sampling engine that `rollout.engine` names, beside the policy that is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from stepsearch_core.environment.protocols.registry import PROTOCOLS
from stepsearch_core.params import EnvironmentParams, ModelParams, RolloutParams
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.sampling.engine import Engine
from stepsearch_core.sampling.transformers_engine import TransformersEngine


def open_engine(
    policy: PreTrainedModel,
    tokenizer: Any,
    folder: Path,
    model: ModelParams,
    environment: EnvironmentParams,
    rollout: RolloutParams,
    *,
    held: Callable[[], float] | None = None,
) -> Engine:
    """An engine that samples with the weights of `policy`, which were loaded from `folder`.

    Args:
        policy: is sampled from, or gives vLLM its weights.
        tokenizer: the policy's.
        folder: where vLLM loads the policy from at first.
        model: the dtype.
        environment: limits of contexts and turns, and the protocol, which may end turns.
        rollout: the engine, its temperature and slots.
        held: counts the bytes that will lie on the GPU beside vLLM; else it is what lies there now.

    Raises:
        EngineError: vLLM is not installed or cannot load the policy.
    """
    ends = PROTOCOLS[environment.protocol].ends
    if rollout.engine == "transformers":
        return TransformersEngine(policy, tokenizer, rollout.temperature, ends)
    from stepsearch_core.sampling.vllm_arguments import memory_share, vllm_arguments
    from stepsearch_core.sampling.vllm_engine import VllmEngine

    share = None
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        free, total = torch.cuda.mem_get_info(own_device())
        share = memory_share(held() if held else total - free, total)
    arguments = vllm_arguments(str(folder), model, environment, rollout, share)
    return VllmEngine(arguments, tokenizer, rollout.temperature, ends)
