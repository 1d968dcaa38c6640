"""FAISS on the GPU of this rank: `retrieval.device: cuda`, with faiss-gpu.

Kinds that FAISS has no GPU code for (HNSW, SQ and PQ without IVF) are refused when they are opened.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from stepsearch_core.base.amounts import gigabytes
from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.factory import faiss_reason
from stepsearch_core.runtime.devices import own_gpu

SCRATCH_BYTES = 256 << 20
"""Of the GPU, for a search's intermediate results: FAISS takes 1.5 GiB by itself, beside a trainer."""


class FaissGpu:
    """One GPU's memory for indexes.

    Searches of one GPU must not overlap: FAISS keeps intermediate results in its memory without a lock.
    """

    def __init__(self, number: int, half: bool) -> None:
        """Take the GPU's number, and whether vectors are kept in float16 there."""
        gpu: Any = faiss  # faiss-cpu lacks these names
        self._number = number
        self._resources = gpu.StandardGpuResources()
        self._resources.setTempMemory(SCRATCH_BYTES)
        self._options = gpu.GpuClonerOptions()
        self._options.useFloat16 = half

    def put(self, index: faiss.Index) -> faiss.Index:
        """A copy of an index on the GPU.

        Raises:
            DataError: FAISS has no such kind for a GPU, or the GPU's memory is full.
        """
        gpu: Any = faiss
        try:
            return gpu.index_cpu_to_gpu(self._resources, self._number, index, self._options)
        except (RuntimeError, MemoryError) as error:
            raise _refusal(f"FAISS cannot put the index onto the GPU: {faiss_reason(error)}") from None

    def take(self, index: faiss.Index) -> faiss.Index:
        """A copy in main memory of an index on the GPU."""
        gpu: Any = faiss
        return gpu.index_gpu_to_cpu(index)

    def train(self, index: faiss.Index, vectors: np.ndarray) -> None:
        """Train an index in main memory; of IVF the GPU finds the nearest centroids, which takes longest."""
        inner: Any = faiss.try_extract_index_ivf(index)
        if inner is not None:
            nearest = self.put(faiss.IndexFlat(inner.d, inner.metric_type))
            inner.clustering_index = nearest
        index.train(vectors)
        if inner is not None:
            inner.clustering_index = None  # it is freed with `nearest`

    def admit(self, size: int) -> None:
        """Make sure that the GPU has so many bytes free.

        Raises:
            DataError: it has not; names what is needed and what is free.
        """
        import torch

        free, _ = torch.cuda.mem_get_info(self._number)
        if size > free:
            raise _refusal(f"the index takes {gigabytes(size)} of the GPU, and {gigabytes(free)} are free")


def open_gpu(params: RetrievalParams, half: bool = False) -> FaissGpu | None:
    """The GPU of this rank if `retrieval.device` asks for it; None for the CPU.

    Raises:
        DataError: FAISS has no GPU support, or sees no GPU; DeviceError: there are fewer GPUs than ranks.
    """
    if params.device == "cpu":
        return None
    if not hasattr(faiss, "StandardGpuResources"):
        raise _refusal("the FAISS that is installed has no GPU support (faiss-cpu): install the extra gpu")
    if not (gpus := faiss.get_num_gpus()):
        raise _refusal("FAISS sees no GPU (CUDA_VISIBLE_DEVICES)")
    return FaissGpu(own_gpu(gpus), half)


def _refusal(problem: str) -> DataError:
    return DataError(f"{problem}; `cpu` always works", "params", field="retrieval.device")
