"""A key-value cache whose rows advance independently.

Transformers' caches move all rows of a batch by the same step, so rows of different lengths need padding inside of the
context. Here each row writes at its own positions: contexts are contiguous, a pass may take any rows, and a row with
nothing to do in a pass writes to a scratch position behind the part that anyone reads.
"""

from __future__ import annotations

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache


class SlotCache(Cache):
    """Keys and values, [layers, rows, key_value_heads, capacity + 1, head_dim]; the last position is scratch."""

    def __init__(self, model: PreTrainedModel, rows: int, capacity: int) -> None:
        config = model.config
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (config.num_hidden_layers, rows, config.num_key_value_heads, capacity + 1, head_dim)
        self.layers = []
        self.scratch = capacity
        self._keys = torch.zeros(shape, dtype=model.dtype, device=model.device)
        self._values = torch.zeros(shape, dtype=model.dtype, device=model.device)
        self._every_row = torch.arange(rows, device=model.device)
        self._rows: torch.Tensor | None = None

    def place(self, rows: torch.Tensor | None, positions: torch.Tensor, width: int) -> None:
        """What the next pass computes: rows (None: every one), positions [rows, tokens] written, width read."""
        self._rows, self._positions, self._width = rows, positions, width

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store [rows, heads, tokens, head_dim] states; return those of the positions being read."""
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        where = (self._every_row if self._rows is None else self._rows)[:, None], slice(None), self._positions
        keys[where], values[where] = key_states.transpose(1, 2), value_states.transpose(1, 2)
        if self._rows is None:
            return keys[:, :, : self._width], values[:, :, : self._width]
        return keys[self._rows, :, : self._width], values[self._rows, :, : self._width]

    def share(self, row: int, other: int, length: int) -> None:
        """Give another row the first `length` positions of a row."""
        for stored in (self._keys, self._values):
            stored[:, other, :, :length] = stored[:, row, :, :length]

    def keep(self, rows: list[int]) -> None:
        """Drop every row but these, which are now 0, 1, ..."""
        index = torch.tensor(rows, device=self._keys.device)
        self._keys, self._values = self._keys[:, index], self._values[:, index]
        self._every_row = torch.arange(len(rows), device=index.device)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Unused by the sampler, which passes positions and masks itself."""
        return 0
