"""A key-value cache of blocks that contexts take as they grow and give back when they end.

After PagedAttention (Kwon et al., 2023): a context's tokens lie in blocks of fixed size, anywhere in one
pool; a table says which. So what is read is tokens that exist, not every slot up to its limit; nor does a
CPU give memory to what was never written (a GPU does). The lowest free block goes first, which keeps the
blocks in use together.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from stepsearch_core.policy.structure import head_size, key_value_heads


class PagedCache:
    """Keys and values of `rows` contexts of at most `capacity` tokens each; block 0 is scratch, nobody's."""

    def __init__(self, model: PreTrainedModel, rows: int, capacity: int, block: int) -> None:
        config = model.config.to_dict()
        each = -(-capacity // block)
        blocks = 1 + rows * each
        shape = (config["num_hidden_layers"], blocks, key_value_heads(config), block, head_size(config))
        self.block = block
        self.keys = torch.zeros(shape, dtype=model.dtype, device=model.device)
        """[layers, blocks, key_value_heads, block, head_dim], as the values."""
        self.values = torch.zeros_like(self.keys)
        self.lengths = np.zeros(rows, dtype=np.int64)
        """Tokens in each context."""
        self.table = np.zeros((rows, each), dtype=np.int64)
        """The blocks of each context, in order; 0 behind them."""
        self._free = list(range(1, blocks))

    def append(self, row: int, tokens: int) -> None:
        """Make room for more tokens of a context."""
        used = -(-int(self.lengths[row]) // self.block)
        self.lengths[row] += tokens
        for number in range(used, -(-int(self.lengths[row]) // self.block)):
            self.table[row, number] = heapq.heappop(self._free)

    def clear(self, row: int) -> None:
        """Give a context's blocks back."""
        for block in self.table[row][self.table[row] > 0].tolist():
            heapq.heappush(self._free, block)
        self.table[row], self.lengths[row] = 0, 0

    def copy_to(self, row: int, others: Sequence[int]) -> None:
        """Give empty contexts what another holds."""
        for other in others:
            self.append(other, int(self.lengths[row]))
            for stored in (self.keys, self.values):
                stored[:, self.blocks(other)] = stored[:, self.blocks(row)]

    def blocks(self, row: int) -> torch.Tensor:
        """The blocks of a context, in order."""
        used = -(-int(self.lengths[row]) // self.block)
        return torch.from_numpy(self.table[row, :used]).to(self.keys.device)
