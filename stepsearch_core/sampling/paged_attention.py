"""One pass over many contexts, as a flat list of tokens: where keys and values go, and what they attend to.

A pass has one token of each context that is decoding and all new tokens of each that begins a turn.
Everything but attention treats tokens alike, so both share a pass and nothing is padded. Single tokens
attend block by block, all blocks of all contexts at once, put together by the parts of their softmax (as
FlashDecoding does); a context with several new tokens is computed by itself. The sums of one context do not
depend on the others in the pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from stepsearch_core.sampling.paged_cache import PagedCache

HIDDEN = -1e30
"""Added to scores that do not count: finite, so that blocks of which nothing counts give no NaN."""


class _Span(NamedTuple):
    """A context with several new tokens."""

    tokens: slice
    blocks: torch.Tensor
    mask: torch.Tensor  # [tokens, length of the context]: 0, or -infinity where a token may not look


class Pass:
    """The tokens of a pass, already given room in the cache; contexts with one new token come first."""

    def __init__(self, cache: PagedCache, rows: Sequence[int], counts: Sequence[int], stride: int) -> None:
        """`counts[i]` new tokens of context `rows[i]`; both are padded to multiples of `stride`."""
        self._cache = cache
        self._contexts = len(rows)
        row_of, count = np.array(rows), np.array(counts)
        ends = count.cumsum()
        length = cache.lengths[row_of]
        position = np.arange(ends[-1]) + np.repeat(length - ends, count)
        blocks = cache.table[np.repeat(row_of, count), position // cache.block]
        offset = position % cache.block
        heads = np.arange(cache.keys.shape[2])
        self._tokens = len(position)
        self.padding = -len(position) % stride
        places = (blocks[:, None] * len(heads) + heads) * cache.block + offset[:, None]
        self._places = self._tensor(places).flatten()
        self.positions = self._tensor(np.concatenate([position, np.zeros(self.padding, np.int64)]))
        """[tokens] in their contexts."""
        self.last = self._tensor(np.concatenate([ends - 1, np.zeros(-len(rows) % stride, np.int64)]))
        """The last token of each context."""
        self._blocks = _plan_blocks(cache, row_of)
        self._decoding = int((count == 1).sum())
        self._spans = self._plan_spans(rows[self._decoding :], counts[self._decoding :])

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self._cache.keys.device)

    def _plan_spans(self, rows: Sequence[int], counts: Sequence[int]) -> list[_Span]:
        starts = [int(self._cache.lengths[row]) - count for row, count in zip(rows, counts, strict=True)]
        most, latest = max(counts, default=0), max(starts, default=0)
        like = self._cache.keys[:0]
        mask = torch.full((most, latest + most), -torch.inf, dtype=like.dtype, device=like.device).triu_(
            latest + 1
        )
        spans, end = [], self._decoding
        for row, count, start in zip(rows, counts, starts, strict=True):
            seen = mask[:count, latest - start : latest + count].contiguous()  # CUDA loads aligned masks
            spans.append(_Span(slice(end, end + count), self._cache.blocks(row), seen))
            end += count
        return spans

    def store(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """Keep the tokens' keys and values [tokens, key_value_heads, head_dim] of a layer."""
        for stored, new in ((self._cache.keys[layer], key), (self._cache.values[layer], value)):
            stored.view(-1, stored.shape[-1]).index_copy_(0, self._places, new[: self._tokens].flatten(0, 1))

    def attend(self, layer: int, query: torch.Tensor) -> torch.Tensor:
        """What scaled queries [tokens, heads, head_dim] of all tokens find."""
        found = torch.zeros_like(query)
        if self._decoding:
            found[: self._decoding] = self.attend_last(layer, query[self.last])[: self._decoding]
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        for tokens, blocks, mask in self._spans:
            past, known = [
                stored.index_select(0, blocks).transpose(0, 1).flatten(1, 2) for stored in (keys, values)
            ]
            seen = scaled_dot_product_attention(
                query[None, tokens].transpose(1, 2),
                past[None, :, : mask.shape[1]],
                known[None, :, : mask.shape[1]],
                attn_mask=mask,
                scale=1.0,
                enable_gqa=True,
            )
            found[tokens] = seen[0].transpose(0, 1)
        return found

    def attend_last(self, layer: int, query: torch.Tensor) -> torch.Tensor:
        """What scaled queries [contexts, heads, head_dim] of the last tokens find; padding finds nothing."""
        found = torch.zeros_like(query)
        keys, values = self._cache.keys[layer], self._cache.values[layer]
        found[: self._contexts] = self._blocks.attend(keys, values, query[: self._contexts])
        return found


class Blocks(NamedTuple):
    """The blocks that single queries of some contexts read, and how what they find is put together.

    Two contexts in a pool of blocks of four tokens, A with 5 tokens in blocks 1 and 4, B with 6 in 2 and 3
    (A grew by one after B had come). All blocks are read at once, each with its owner's query::

        block            0          1            2            3            4
        tokens        - - - -    a a a a      b b b b      b b - -      a - - -      lengths  A 5, B 6
        owner            A          A            B            B            A         table  A 1 4, B 2 3
        counts           0          4            4            2            1         of its tokens

        e^score                  1 1 2 4      1 1 1 1      2 2          8
        value                    1 2 3 4      0 0 0 4      8 8          5

        top             hidden   log 4        log 1        log 2        log 8
        sum                      8/4 = 2      4            4/2 = 2      1            of e^(score - top)
        weighed                  25/4         4            32/2 = 16    5            the same times value

    A block knows its own maximum alone; what it found is scaled from that to its context's (A: log 8, so
    block 1 by 4/8; B: log 2, so block 2 by 1/2), and the blocks of a context are added up::

        A   (25/4 * 4/8 + 5) / (2 * 4/8 + 1)  =  8.125 / 2  =  4.0625    softmax: (1 + 2 + 6 + 16 + 40) / 16
        B   (4 * 1/2 + 16) / (4 * 1/2 + 2)    =  18 / 4     =  4.5       softmax: (0 + 0 + 0 + 4 + 32) / 8

    Block 0 is scratch: it has an owner, since an index needs one, and nothing of it is added to anything.
    """

    read: Any
    """Of the pool: [blocks], or a slice of it."""
    hidden: torch.Tensor
    """[blocks, 1, 1, block]: added to scores, `HIDDEN` where a place holds no token of the context."""
    owner: torch.Tensor
    """[blocks]: the context that reads each."""
    table: torch.Tensor
    """[contexts, most blocks]: the other way round; behind a context's last, block 0."""
    place: Any
    """Of `read`: the blocks that have an owner."""
    which: torch.Tensor
    """Their owners."""

    def attend(self, keys: torch.Tensor, values: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        """What queries find, [contexts, heads, head_dim] as they are; see the drawing."""
        keys = keys[self.read]
        values = values[self.read]
        grouped = query.unflatten(1, (keys.shape[1], -1))
        asked = grouped[self.owner]  # [blocks, key_value_heads, group, head_dim]
        scores = (asked @ keys.transpose(-1, -2)).float().add_(self.hidden)
        top = scores.amax(-1, keepdim=True)
        weights = scores.sub_(top).exp_()
        weighed = (weights.to(values.dtype) @ values).float()
        parts = torch.cat((weighed, weights.sum(-1, keepdim=True)), dim=-1)
        parts *= (top - top[self.table].amax(1)[self.owner]).exp_()
        whole = parts.new_zeros(len(query), *parts.shape[1:]).index_add_(0, self.which, parts[self.place])
        return (whole[..., :-1] / whole[..., -1:]).flatten(1, 2).to(query.dtype)


def _plan_blocks(cache: PagedCache, rows: np.ndarray) -> Blocks:
    lengths = cache.lengths[rows]
    held = cache.table[rows, : -(-int(lengths.max()) // cache.block)]
    which, number = np.nonzero(held)
    chosen = held[which, number]
    end = int(chosen.max()) + 1
    copied = 2 * len(chosen) < end  # few of the pool: better picked out than read with all that lies between
    place = np.arange(1, len(chosen) + 1) if copied else chosen
    size = len(chosen) + 1 if copied else end
    owner = np.zeros(size, np.int64)
    owner[place] = which
    table = np.zeros_like(held)
    table[which, number] = place
    seen = np.zeros(size, np.int64)
    seen[place] = lengths[which] - number * cache.block
    hidden = np.where(np.arange(cache.block) >= seen[:, None], np.float32(HIDDEN), np.float32(0))
    arrays = (hidden[:, None, None], owner, table, place, which)
    planned = [torch.from_numpy(array).to(cache.keys.device) for array in arrays]
    read = torch.from_numpy(np.concatenate([[0], chosen])).to(cache.keys.device) if copied else slice(end)
    return Blocks(read, *planned)
