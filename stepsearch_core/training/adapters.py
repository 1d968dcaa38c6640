"""Low-rank adapters (LoRA, Hu et al., arXiv 2106.09685) by `peft`, on every linear layer but the output's.

`peft` puts them into the model in place, so a policy with adapters is used like any other.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from transformers import PreTrainedModel


def add_adapters(policy: PreTrainedModel, rank: int, alpha: float) -> None:
    """Put adapters into `policy` and freeze its own weights; at first they change nothing."""
    policy.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules="all-linear")  # type: ignore[arg-type]
    inject_adapter_in_model(config, policy)


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


def merged(policy: PreTrainedModel) -> PreTrainedModel:
    """A copy of a policy with its adapters added into its weights: an ordinary model again."""
    plain = copy.deepcopy(policy)
    for name, module in list(plain.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent, _, child = name.rpartition(".")
            setattr(plain.get_submodule(parent), child, module.get_base_layer())
    return plain
