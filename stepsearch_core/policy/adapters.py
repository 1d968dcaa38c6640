"""Low-rank adapters (LoRA, Hu et al., arXiv 2106.09685) by `peft`, on every linear layer but the output's.

`peft` puts them into the model in place, so a policy with adapters is used like any other. Where it has to
be an ordinary model, in vLLM and in files, `plain_weights` adds them in, one weight after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor
from transformers import PreTrainedModel

from stepsearch_core.base.errors import DataError


def add_adapters(policy: PreTrainedModel, rank: int, alpha: float) -> None:
    """Put adapters into `policy` and freeze its own weights; at first they change nothing.

    Raises:
        DataError: it has no linear layer to adapt.
    """
    policy.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules="all-linear")  # type: ignore[arg-type]
    try:
        inject_adapter_in_model(config, policy)
    except ValueError as error:
        problem = (
            f"{rank}, but no layer of {type(policy).__name__} takes an adapter"
            f" ({' '.join(str(error).split())[:200]}): 0 trains all weights"
        )
        raise DataError(problem, "params", field="train.lora_rank") from None


@contextmanager
def without_adapters(policy: PreTrainedModel) -> Iterator[None]:
    """Within it the policy computes as it did before `add_adapters`."""
    layers = [module for module in policy.modules() if isinstance(module, LoraLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def plain_shapes(policy: torch.nn.Module) -> dict[str, torch.Size]:
    """The shape of each parameter of a policy, adapters left out, by its name in a model without any."""
    return {name: parameter.shape for name, parameter, _ in _plain_parameters(policy)}


def plain_weights(policy: torch.nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Each parameter of a policy with its adapter added in (W + scale * B A, rounded once), by that name.

    What has no adapter is the parameter itself, not a copy.
    """
    for name, parameter, layer in _plain_parameters(policy):
        yield name, parameter.detach() if layer is None else _added_in(parameter.detach(), layer)


def _added_in(weight: Tensor, layer: Any) -> Tensor:
    total = weight.float()
    for adapter in layer.active_adapters:
        down, up = (part[adapter].weight.detach().float() for part in (layer.lora_A, layer.lora_B))
        total = torch.addmm(total, up, down, alpha=layer.scaling[adapter])
    return total.to(weight.dtype)


def _plain_parameters(policy: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter, LoraLayer | None]]:
    """Names in a model without adapters, parameters, and the layer whose adapter belongs to one, if any."""
    layers = {name: module for name, module in policy.named_modules() if isinstance(module, LoraLayer)}
    for name, parameter in policy.named_parameters():
        outer, marker, inner = name.partition(".base_layer.")
        if marker and outer in layers:
            yield f"{outer}.{inner}", parameter, layers[outer] if inner == "weight" else None
        elif ".lora_" not in name:
            yield name, parameter, None
