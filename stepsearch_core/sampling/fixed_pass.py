"""A pass of fixed shape, for decoding as CUDA graphs: one token of every context, work or no work.

A context without work has length 0 here: its token is written to scratch, it reads nothing and finds zeros.
Blocks that nobody reads belong to one more context behind the others, so that no index has a length of its
own. Everything is worked out from two tensors by kernels whose shapes depend on nothing else; so a graph of
them holds for others, too.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from stepsearch_core.sampling.paged_attention import HIDDEN, Blocks
from stepsearch_core.sampling.paged_cache import PagedCache


class FixedPass:
    """See `paged_attention.Pass`; its tokens are its contexts, in the cache's order."""

    def __init__(self, cache: PagedCache, lengths: torch.Tensor, table: torch.Tensor, size: int) -> None:
        """
        Args:
            cache: has room for the tokens already.
            lengths: [contexts], with the new token; 0 without one.
            table: [contexts, most blocks] of a context, as in the cache; zeros without a token.
            size: how many blocks of the pool are read; more than the highest in the table.
        """
        (rows, most), heads, device = table.shape, cache.keys.shape[2], lengths.device
        self._cache = cache
        self._works = (lengths > 0)[:, None, None]
        self.last = torch.arange(rows, device=device)
        self.positions = (lengths - 1).clamp(min=0)
        block = table.gather(1, self.positions[:, None] // cache.block)
        places = (block * heads + torch.arange(heads, device=device)) * cache.block
        self._places = (places + self.positions[:, None] % cache.block).flatten()
        owner = torch.full((size,), rows, device=device)
        seen = torch.zeros(size, dtype=torch.long, device=device)
        owner[table] = self.last[:, None].expand(rows, most)
        seen[table] = lengths[:, None] - torch.arange(most, device=device) * cache.block
        owner[:1].fill_(rows)  # scratch, which stands in the table where no block is
        seen[:1].fill_(0)
        unseen = torch.arange(cache.block, device=device) >= seen[:, None]
        hidden = torch.zeros(unseen.shape, device=device).masked_fill_(unseen, HIDDEN)[:, None, None]
        self._blocks = Blocks(slice(size), hidden, owner, pad(table, (0, 0, 0, 1)), slice(None), owner)

    def store(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """Keep the tokens' keys and values [contexts, key_value_heads, head_dim] of a layer."""
        for stored, new in ((self._cache.keys[layer], key), (self._cache.values[layer], value)):
            stored.view(-1, stored.shape[-1]).index_copy_(0, self._places, new.flatten(0, 1))

    def attend(self, layer: int, query: torch.Tensor) -> torch.Tensor:
        """What scaled queries [contexts, heads, head_dim] find; zeros without work (0 / 0)."""
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        found = self._blocks.attend(keys, values, pad(query, (0, 0, 0, 0, 0, 1)))[:-1]
        return torch.where(self._works, found, torch.zeros_like(found))

    attend_last = attend
