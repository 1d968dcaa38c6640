"""A key-value cache whose rows advance independently.

Transformers' caches move all rows of a batch by the same step, so rows of different lengths need padding inside of the
context. Here each slot writes at its own positions: contexts are contiguous, and a slot that has nothing to do in a
step writes to a scratch position behind the part that anyone reads.
"""

from __future__ import annotations

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache


class SlotCache(Cache):
    """Keys and values, [layers] of [slots, key_value_heads, capacity + 1, head_dim]; the last position is scratch."""

    def __init__(self, model: PreTrainedModel, slots: int, capacity: int) -> None:
        config = model.config
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (config.num_hidden_layers, slots, config.num_key_value_heads, capacity + 1, head_dim)
        self.layers = []
        self.scratch = capacity
        self._keys = torch.zeros(shape, dtype=model.dtype, device=model.device)
        self._values = torch.zeros(shape, dtype=model.dtype, device=model.device)
        self._rows = torch.arange(slots, device=model.device)[:, None]

    def place(self, positions: torch.Tensor, width: int) -> None:
        """Where the next forward pass writes ([slots, tokens]) and how many positions from the start it reads."""
        self._positions, self._width = positions, width

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store [slots, heads, tokens, head_dim] states; return those of the positions being read."""
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys[self._rows, :, self._positions] = key_states.transpose(1, 2)
        values[self._rows, :, self._positions] = value_states.transpose(1, 2)
        return keys[:, :, : self._width], values[:, :, : self._width]

    def keep(self, rows: list[int]) -> None:
        """Drop every slot but these."""
        index = torch.tensor(rows, device=self._keys.device)
        self._keys, self._values = self._keys[:, index], self._values[:, index]
        self._rows = torch.arange(len(rows), device=index.device)[:, None]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Unused by the sampler, which passes positions and masks itself."""
        return 0
