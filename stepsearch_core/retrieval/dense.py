"""Dense retrieval: passages as vectors in a FAISS index, searched by inner product (Johnson et al. 2019).

Encoding is what takes long (days on a CPU for a neural encoder and millions of passages). Its shards lie on
disk (`shards`), as do the finished parts of the index (`parts`): a build that was killed goes on from them
(`building`). The index is any FAISS factory string: `Flat` is exact; `IVF4096,SQ8` or `HNSW32` trade recall,
which the index stage measures, for memory and time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import faiss
import numpy as np

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.building import build_parts, check_build
from stepsearch_core.retrieval.encoders import Encoder, fit_encoder, open_encoder
from stepsearch_core.retrieval.exhaustive import leaves_out, searched_whole
from stepsearch_core.retrieval.factory import faiss_reason, set_search
from stepsearch_core.retrieval.flat import flat_parts, search_flat
from stepsearch_core.retrieval.footprint import admit_open, gpu_bytes
from stepsearch_core.retrieval.gpu import open_gpu
from stepsearch_core.retrieval.parts import join_indexes, join_parts, open_part, open_parts
from stepsearch_core.retrieval.ready_made import (
    ReadyMade,
    index_files,
    read_ready_made,
    rows_of_vectors,
    take_ready_made,
)
from stepsearch_core.retrieval.retriever import Ranking, RetrievalError, top_k
from stepsearch_core.retrieval.shards import encode_corpus


class DenseIndex:
    """Ranks passages by the inner product of their vector with the query's."""

    def __init__(
        self, index: faiss.Index, encoder: Encoder, on_gpu: bool = False, rows: np.ndarray | None = None
    ) -> None:
        """Take an index over the vectors of passages.

        Args:
            index: Of FAISS, for inner products.
            encoder: Of queries.
            on_gpu: Whether the index is there.
            rows: The position in the corpus of each vector, int64; None: the vector's number.
        """
        self.index = index
        self.encoder = encoder
        self._rows = rows
        self._flat = flat_parts(index)
        # on a GPU searches must not overlap: FAISS keeps what it works with there without a lock
        self._turn = threading.Lock() if on_gpu else nullcontext()

    @classmethod
    def build(
        cls,
        corpus: Corpus,
        params: RetrievalParams,
        folder: Path,
        work: Path | None = None,
        ready_made: ReadyMade | None = None,
    ) -> DenseIndex:
        """Encode and index `corpus`, and save index and encoder in `folder`, which must exist.

        Args:
            corpus: At least one passage.
            params: Encoder and kind of index.
            folder: Gets the index, in one file or in parts, and what the encoder needs.
            work: Where shards and parts are looked for and kept; belongs to this corpus and these settings.
                None: they are not kept.
            ready_made: Has the vectors of the first passages; those of the others are made here, for Flat.

        Raises:
            DataError: no such encoder, no such kind of index, or too little memory or disk for it;
                DiskFullError: no space left.
        """
        with nullcontext(work) if work else TemporaryDirectory(dir=folder, prefix="shards") as kept:
            work = Path(kept)
            if ready_made is None:
                check_build(params, len(corpus), folder, work)
            encoder = fit_encoder(params, corpus, work)
            if ready_made is None:
                build_parts(corpus, params, encoder, folder, work)
            else:
                first = take_ready_made(ready_made, corpus, encoder, folder)["passages"]
                others = range(first, len(corpus))
                flat = replace(params, index_factory="Flat", index_search=None)
                check_build(flat, len(others), folder, work)
                build_parts(corpus, flat, encoder, folder, work, others)
        encoder.save(folder)
        return cls._open(folder, params, encoder)

    @classmethod
    def open(cls, folder: Path, params: RetrievalParams) -> DenseIndex:
        """Memory-map an index that `build` saved, as far as its kind allows, or copy it to the GPU.

        Raises:
            DataError: it is missing or damaged, its vectors are not those of the encoder, or there is no GPU
                with room for it.
        """
        return cls._open(folder, params, open_encoder(params, folder))

    @classmethod
    def open_whole(cls, folder: Path, params: RetrievalParams) -> DenseIndex | None:
        """The ready-made index in `folder`, all of whose vectors are looked at: the yardstick of a search
        that leaves some out. None if none are left out anyway.

        Raises:
            DataError: as `open`.
        """
        if not leaves_out(open_part(index_files(folder)[0])):
            return None
        params = replace(params, device="cpu", index_search=None)
        return cls._open(folder, params, open_encoder(params, folder), whole=True)

    @classmethod
    def _open(
        cls, folder: Path, params: RetrievalParams, encoder: Encoder, whole: bool = False
    ) -> DenseIndex:
        made, files = read_ready_made(folder), index_files(folder)
        size = sum(file.stat().st_size for file in files if file.is_file())
        if made:
            first = open_part(files[0])
            parts = [searched_whole(first) if whole else first, *open_parts(files[1:], made["passages"])]
        else:
            admit_open(params, encoder.dimensions, size)
            parts = open_parts(files)
        if parts[0].d != encoder.dimensions:
            raise DataError(
                f"vectors of {parts[0].d} dimensions, and the encoder makes {encoder.dimensions}", files[0]
            )
        rows = rows_of_vectors(folder)
        gpu = open_gpu(params, half=params.dtype == "float16")
        if gpu:
            gpu.admit(gpu_bytes(params, size))
            parts = [gpu.put(part) for part in parts]
        if made:  # what was made here is Flat, whose search has no parameters
            set_search(parts[0], params.index_search, on_gpu=gpu is not None)
            index = join_indexes(parts)
        else:
            index = join_parts(parts, stacked=gpu is None)
            set_search(index, params.index_search, on_gpu=gpu is not None)
        return cls(index, encoder, on_gpu=gpu is not None, rows=rows)

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`. A query whose vector is zero matches nothing.

        Raises:
            RetrievalError: FAISS failed.
        """
        if not queries:
            return []
        vectors = self.encoder.encode_queries(queries)
        depth = k if self._rows is None else 2 * k  # a passage may have several vectors
        try:
            with self._turn:
                scores, numbers = self._search(vectors, min(depth, self.index.ntotal))
        except (RuntimeError, MemoryError) as error:
            raise RetrievalError(f"FAISS cannot search: {faiss_reason(error)}") from None
        return [
            self._ranking(row_scores, row_numbers, k) if vector.any() else []
            for vector, row_scores, row_numbers in zip(vectors, scores, numbers, strict=True)
        ]

    def _ranking(self, scores: np.ndarray, numbers: np.ndarray, k: int) -> Ranking:
        """Of a query's vectors by their numbers, best first."""
        if self._rows is None:
            return _ranking(scores, numbers, k)
        found = numbers >= 0
        positions, first = np.unique(self._rows[numbers[found]], return_index=True)
        return top_k(scores[found][first], positions, k)

    def _search(self, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        return (
            search_flat(self.index, self._flat, vectors, k) if self._flat else self.index.search(vectors, k)
        )


def exact_ranking(
    encoder: Encoder, corpus: Corpus, queries: Sequence[str], k: int, work: Path | None = None
) -> list[Ranking]:
    """What a `Flat` index would rank: the yardstick of approximate indexes.

    Goes by the shards in `work`, or encodes the corpus again.
    """
    vectors = encoder.encode_queries(queries)
    heap = faiss.ResultHeap(len(queries), k, keep_max=True)
    for start, passages in encode_corpus(encoder, corpus, work):
        scores, positions = faiss.knn(
            vectors, passages, min(k, len(passages)), metric=faiss.METRIC_INNER_PRODUCT
        )
        heap.add_result(scores, positions + start)
    heap.finalize()
    return [_ranking(scores, positions, k) for scores, positions in zip(heap.D, heap.I, strict=True)]


def _ranking(scores: np.ndarray, positions: np.ndarray, k: int) -> Ranking:
    found = positions >= 0  # FAISS fills up with -1
    return top_k(scores[found], positions[found], k)
