"""The plan of a profile: memory, tokens, time, disk, downloads, and whether they fit the hardware it names.

GPUs are taken to share trajectories evenly. Warm start and training run one after the other; what one GPU
holds at most is what the larger of the two does. GB are 10^9 bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stepsearch_core.learning.deepspeed_config import deepspeed_config
from stepsearch_core.params import LearningParams, Params, ParamsError
from stepsearch_core.planning.disk import (
    dense_footprint,
    disk_bytes,
    downloads,
)
from stepsearch_core.planning.duration import Durations, durations
from stepsearch_core.sampling.vllm_arguments import RESERVED_SHARE, memory_share, vllm_arguments
from stepsearch_core.training.architecture import Architecture, architecture
from stepsearch_core.training.memory import (
    ADAPTER_HOLES,
    PROGRAM_BYTES,
    activation_bytes,
    cache_bytes,
    held_bytes,
    kept_state_bytes,
    logit_bytes,
    offloaded_bytes,
    offloaded_reference_bytes,
    state_bytes,
    step_bytes,
)
from stepsearch_core.training.sampler_memory import (
    beside_sampler,
    least_share_bytes,
    sampler_weight_bytes,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a profile needs, in bytes; `deepspeed` and `vllm` are the arguments of the engines."""

    shape: Architecture
    states: dict[str, float]
    """Held all the time, on each GPU."""
    sampling: dict[str, float]
    """Held besides while trajectories are sampled."""
    update: dict[str, float]
    """Held besides while the policy learns."""
    warmstart: dict[str, float]
    """Held by the warm start; nothing without epochs."""
    offloaded: float
    kept_states: float
    """In main memory, of all processes of a machine: what DeepSpeed keeps there instead of on GPUs."""
    index: int
    """In main memory: the dense index while it is searched, or what building it takes."""
    disk: dict[str, int]
    downloads: list[str]
    tokens_per_step: int
    deepspeed: dict[str, Any]
    vllm: dict[str, Any] | None
    durations: Durations | None
    """None where no speed is known: without a GPU that `hardware.gpu` names."""

    @property
    def training_peak(self) -> float:
        """The most that training holds on one GPU at once; without GPUs, one process in main memory."""
        return sum(self.states.values()) + max(sum(self.sampling.values()), sum(self.update.values()))

    @property
    def peak(self) -> float:
        """The most that one GPU holds at once."""
        return max(self.training_peak, sum(self.warmstart.values()))


def make_plan(params: Params) -> Plan:
    """Work out what `params` needs.

    Raises:
        DataError: the model's configuration cannot be read, or FAISS knows no such index.
    """
    dtype, train = params.model.dtype, params.train
    shape = architecture(params.model, params.tokenizer, params.environment.prompt, train)
    environment = params.environment
    rollout = params.rollout
    _, gradients = held_bytes(shape, dtype, train)
    length = environment.max_trajectory_tokens
    written = environment.most_written
    together = max(train.micro_batch_tokens, length)
    update = {
        "gradients": gradients,
        "activations": activation_bytes(shape, together, dtype, train.gradient_checkpointing),
        "logits": logit_bytes(shape, together * written // length, dtype, params.hardware.gpus),
    }
    if train.lora_rank and not params.hardware.gpus:
        update["holes by adapters"] = ADAPTER_HOLES * update["activations"]
    update |= _step(max(shape.trained, shape.critic), params, train)  # one after the other
    dense = dense_footprint(params)
    on_gpu = params.retrieval.device == "cuda"
    states = _program(params) | beside_sampler(shape, params, dense.index)
    sampling: dict[str, float] = {"key-value cache": cache_bytes(shape, rollout.batch_size, length, dtype)}
    if rollout.engine == "vllm":  # transformers samples from weights that are there anyway
        sampling["sampler's weights"] = sampler_weight_bytes(shape, params)
    vllm = None
    gpu = params.hardware.gpu_memory_gb * 1e9
    if rollout.engine == "vllm" and params.hardware.gpus and gpu:
        share = memory_share(sum(states.values()), gpu)
        sampling = {"vLLM's share": share * gpu}
        source = params.model.source or "data/warmstart/policy"
        vllm = vllm_arguments(source, params.model, environment, rollout, share)
    return Plan(
        shape,
        states,
        sampling,
        update,
        _warmstart(params, shape, written) if params.warmstart.epochs else {},
        _offloaded(params, shape),
        _kept_states(params, shape),
        dense.memory if on_gpu else max(dense.index, dense.memory),
        disk_bytes(params, shape),
        downloads(params),
        train.questions_per_step * train.samples_per_question * length,
        deepspeed_config(train, dtype == "bfloat16"),
        vllm,
        durations(params, shape),
    )


def _warmstart(params: Params, shape: Architecture, written: int) -> dict[str, float]:
    """States and a micro-batch on one GPU in the warm start, which trains all and holds no reference."""
    dtype = params.model.dtype
    warmstart = params.warmstart
    length = params.environment.max_trajectory_tokens
    states = state_bytes(shape.parameters, shape.parameters, dtype, warmstart)
    together = max(warmstart.micro_batch_tokens, length)
    activations = activation_bytes(shape, together, dtype, warmstart.gradient_checkpointing)
    logits = logit_bytes(shape, together * written // length, dtype, params.hardware.gpus)
    step = _step(shape.parameters, params, warmstart)
    return _program(params) | states | {"activations": activations, "logits": logits} | step


def _step(trained: int, params: Params, learning: LearningParams) -> dict[str, float]:
    """What the optimizer's step adds in main memory, whose allocator keeps what activations took; on a GPU
    the step takes their place.
    """
    size = 0.0 if params.hardware.gpus else step_bytes(trained, params.model.dtype, learning)
    return {"optimizer's step": size} if size else {}


def _kept_states(params: Params, shape: Architecture) -> float:
    """What a value head learns from, in a machine's main memory."""
    trajectories = params.train.questions_per_step * params.train.samples_per_question
    tokens = math.ceil(trajectories / params.hardware.machines) * params.environment.most_written
    return kept_state_bytes(shape, tokens, params.model.dtype)


def _program(params: Params) -> dict[str, float]:
    """What a process holds in main memory besides, where that is what holds the model, too."""
    return {} if params.hardware.gpus else {"program": PROGRAM_BYTES}


def _offloaded(params: Params, shape: Architecture) -> float:
    """Of the warm start or of training, whichever is more."""
    dtype, warmstart, train = params.model.dtype, params.warmstart, params.train
    before = offloaded_bytes(shape.parameters, dtype, warmstart) if warmstart.epochs else 0.0
    states = offloaded_bytes(shape.trained + shape.critic, dtype, train)
    reference = offloaded_reference_bytes(shape, dtype, train)
    machines = params.hardware.machines
    return max(
        before * math.ceil(warmstart.processes / machines),
        (states + reference) * math.ceil(train.processes / machines),
    )


def main_memory_bytes(plan: Plan, params: Params) -> float:
    """What a machine holds at most in main memory: without GPUs all of its processes as well."""
    hardware = params.hardware
    processes = 0 if hardware.gpus else max(params.train.processes, params.warmstart.processes)
    return (
        plan.index + plan.offloaded + plan.kept_states + plan.peak * math.ceil(processes / hardware.machines)
    )


def check_fits(plan: Plan, params: Params) -> None:
    """Compare a plan with `params.hardware`.

    Raises:
        ParamsError: something does not fit; gives what is needed and what there is.
    """
    hardware = params.hardware
    if hardware.gpus:
        processes = max(params.train.processes, params.warmstart.processes, params.evaluate.processes)
        if processes > hardware.gpus * hardware.machines:
            there = f"{hardware.gpus * hardware.machines}{' on all machines' * (hardware.machines > 1)}"
            raise ParamsError(f"{processes} processes need as many GPUs; there are {there} (hardware.gpus)")
        _check(
            "memory of each GPU",
            plan.peak,
            hardware.gpu_memory_gb * (1 - RESERVED_SHARE),
            "hardware.gpu_memory_gb",
        )
        if plan.vllm:  # a part of the GPU, which the rest may leave too small
            least = least_share_bytes(plan.shape, params)
            given = sum(plan.sampling.values()) / 1e9
            _check("vLLM's share of each GPU", least, given, "rollout.tensor_parallel splits its model")
    _check("main memory", main_memory_bytes(plan, params), hardware.memory_gb, "hardware.memory_gb")
    _check("disk", sum(plan.disk.values()), hardware.disk_gb, "hardware.disk_gb")


def _check(what: str, needed: float, available_gb: float, key: str) -> None:
    if needed > available_gb * 1e9:
        raise ParamsError(
            f"does not fit: {what}: {gb(needed)} needed, {available_gb:.2f} GB available ({key})"
        )


def gb(size: float) -> str:
    """A number of bytes, to the megabytes that small models take."""
    return f"{size / 1e9:.2f} GB"
