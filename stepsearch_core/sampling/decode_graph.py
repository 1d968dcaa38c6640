"""Decoding with few launches: passes in which every context has one new token, captured as CUDA graphs.

A pass of a small model is hundreds of kernels, which a GPU runs faster than Python can launch them; a graph
launches them at once. It holds for fixed shapes and addresses: what differs from pass to pass is copied into
tensors that stay. How much of the cache's pool is read is one of a few sizes, with a graph each, captured
when it is first needed.

THE CAPTURE (`DecodeGraphs`) HAS NEVER BEEN RUN: it was written without a GPU. `FixedDecoding` is the same
passes without it; they have run, on a CPU alone. Graphs read the weights where they lie, so updates in place
are seen; they go with their session, whose cache they write to, and are not used for another model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from stepsearch_core.sampling.decoder import last_states
from stepsearch_core.sampling.fixed_pass import FixedPass
from stepsearch_core.sampling.paged_cache import PagedCache

_SIZES = 8


def can_be_captured(model: PreTrainedModel) -> bool:
    """Whether a model is where there are graphs."""
    return model.device.type == "cuda"


def pool_sizes(blocks: int) -> list[int]:
    """How much of a pool is read: eighths of it, rounded up, in order."""
    return sorted({-(-blocks * part // _SIZES) for part in range(1, _SIZES + 1)})


class FixedDecoding:
    """Passes of fixed shape over the contexts of a cache."""

    def __init__(self, model: PreTrainedModel, cache: PagedCache) -> None:
        self.model, self._cache = model, cache
        self._sizes = pool_sizes(cache.keys.shape[1])
        rows, most = cache.table.shape
        self._ids, self._lengths = torch.zeros(2, rows, dtype=torch.long, device=model.device)
        self._table = torch.zeros(rows, most, dtype=torch.long, device=model.device)
        self._logits = torch.zeros(rows, model.config.vocab_size, device=model.device)

    @torch.no_grad()
    def logits(self, slots: Sequence[int], tokens: Sequence[int]) -> torch.Tensor:
        """[slots, vocabulary] after one new token of each slot, which has room in the cache already."""
        self._run(self._fill(slots, tokens))
        return self._logits[slots]

    def _fill(self, slots: Sequence[int], tokens: Sequence[int]) -> int:
        """Put what this pass is about into the tensors; how many blocks are to be read."""
        ids, lengths = np.zeros((2, len(self._ids)), np.int64)
        table = np.zeros_like(self._cache.table)
        ids[slots] = tokens
        lengths[slots] = self._cache.lengths[slots]
        table[slots] = self._cache.table[slots]
        for tensor, array in ((self._ids, ids), (self._lengths, lengths), (self._table, table)):
            tensor.copy_(torch.from_numpy(array))
        return next(size for size in self._sizes if size > table.max())

    def _run(self, size: int) -> None:
        pass_ = FixedPass(self._cache, self._lengths, self._table, size)
        head: Any = self.model.lm_head
        self._logits.copy_(head(last_states(self.model, self._ids, pass_)))


class DecodeGraphs(FixedDecoding):
    """The same passes, captured once a size and replayed."""

    def __init__(self, model: PreTrainedModel, cache: PagedCache) -> None:
        super().__init__(model, cache)
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        # of all graphs: one runs at a time and leaves nothing in it
        self._memory = torch.cuda.graph_pool_handle()

    def _run(self, size: int) -> None:
        with torch.cuda.device(self.model.device):
            if size not in self._graphs:
                self._graphs[size] = self._captured(size)
            self._graphs[size].replay()

    def _captured(self, size: int) -> torch.cuda.CUDAGraph:
        """A graph of a pass. Run once before, so that libraries are set up; a replay writes the same."""
        current = torch.cuda.current_stream()
        side = torch.cuda.Stream()
        side.wait_stream(current)
        with torch.cuda.stream(side):
            super()._run(size)
        current.wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # searches may use the GPU
        with torch.cuda.graph(graph, pool=self._memory, capture_error_mode="thread_local"):
            super()._run(size)
        return graph
