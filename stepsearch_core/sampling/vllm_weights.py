"""New weights for a vLLM in the trainer's own process, by vLLM's weight transfer.

The transfer has backends, and a documented way to add one ("Base Class and Custom Engines"). vLLM's own do
not fit: NCCL sends between GPUs, where trainer and sampler share one, and a CUDA IPC handle cannot be opened
in the process that made it. This one takes the tensors as they are, on any device: vLLM loads layer after
layer without a second copy, splits each over the ranks of a tensor-parallel group, and leaves its own in
their places, which captured graphs ask for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from vllm.distributed.weight_transfer import WeightTransferEngine, WeightTransferEngineFactory
from vllm.distributed.weight_transfer.base import WeightTransferInitInfo, WeightTransferUpdateInfo
from vllm.model_executor.model_loader.reload import finalize_layerwise_reload, initialize_layerwise_reload

BACKEND = "in_process"


@dataclass
class Weights(WeightTransferUpdateInfo):
    """What an update brings: names and tensors of the whole model, as `transformers` has them."""

    weights: Iterable[tuple[str, torch.Tensor]]


class InProcessTransfer(WeightTransferEngine[WeightTransferInitInfo, Weights]):
    """Loads tensors of this process."""

    init_info_cls = WeightTransferInitInfo
    update_info_cls = Weights

    def init_transfer_engine(self, init_info: WeightTransferInitInfo) -> None:
        """Nothing to connect."""

    def start_weight_update(self) -> None:
        """Make the model ready to be loaded layer by layer."""
        initialize_layerwise_reload(self.model)

    def update_weights(self, update_info: dict[str, Any]) -> None:
        """Load all weights; the plain one also waits for an accelerator, which a CPU has not."""
        self.receive_weights(self.parse_update_info(update_info))
        if self.device.type != "cpu":
            torch.accelerator.synchronize()

    def receive_weights(self, update_info: Weights) -> None:
        """Load all weights."""
        self.model.load_weights(update_info.weights)

    def finish_weight_update(self) -> None:
        """Put what was loaded into the form that kernels take."""
        finalize_layerwise_reload(self.model, self.model_config)

    def shutdown(self) -> None:
        """Nothing to disconnect."""


WeightTransferEngineFactory.register_engine(BACKEND, InProcessTransfer)


def push(vllm: Any, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Give an `LLMEngine` that was made with this backend its new weights."""
    vllm.collective_rpc("start_weight_update")
    vllm.collective_rpc("update_weights", kwargs={"update_info": {"weights": weights}})
    vllm.collective_rpc("finish_weight_update")
