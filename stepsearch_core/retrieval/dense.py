"""Dense retrieval: passages as vectors in a FAISS index, searched by inner product (Johnson et al. 2019).

Encoding is what takes long (days on a CPU for a neural encoder and millions of passages), so vectors are
kept as shards on disk until the index is written: a build that was killed encodes only the shards that are
missing. Filling the index from them takes minutes and starts over. The index is any FAISS factory string:
`Flat` is exact; `IVF4096,SQ8` or `HNSW32` trade recall, which the index stage measures, for memory and time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import faiss
import numpy as np
from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import atomic_write, write_array
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.encoders import Encoder, fit_encoder, open_encoder
from stepsearch_core.retrieval.factory import (
    check_factory,
    faiss_reason,
    make_index,
    naming_faiss,
    training_positions,
)
from stepsearch_core.retrieval.flat import flat_parts, search_flat
from stepsearch_core.retrieval.retriever import Ranking, RetrievalError, top_k

SHARD_PASSAGES = 4096
"""Passages encoded at once and kept in one file (12 MB at 768 dimensions)."""


class DenseIndex:
    """Ranks passages by the inner product of their vector with the query's."""

    def __init__(self, index: faiss.Index, encoder: Encoder) -> None:
        self.index = index
        self.encoder = encoder
        self._flat = flat_parts(index)

    @classmethod
    def build(
        cls, corpus: Corpus, params: RetrievalParams, folder: Path, work: Path | None = None
    ) -> DenseIndex:
        """Encode and index `corpus`, and save index and encoder in `folder`, which must exist.

        Args:
            corpus: At least one passage.
            params: Encoder and kind of index.
            folder: Gets `index.faiss` and what the encoder needs.
            work: Where shards are looked for and kept; belongs to this corpus and encoder. None: they are
                not kept.

        Raises:
            DataError: no such encoder, or no such kind of index; DiskFullError: no space left.
        """
        with nullcontext(work) if work else TemporaryDirectory(dir=folder, prefix="shards") as kept:
            shards = Path(kept)
            encoder = fit_encoder(params, corpus, shards)
            check_factory(params.index_factory, encoder.dimensions, len(corpus))
            for _ in encode_corpus(encoder, corpus, shards):
                pass
            index = _trained_index(params.index_factory, encoder.dimensions, corpus, shards)
            for _, vectors in encode_corpus(encoder, corpus, shards):
                with naming_faiss(params.index_factory):
                    index.add(vectors)
        encoder.save(folder)
        with atomic_write(folder / "index.faiss", "wb") as file:
            # FAISS's own writer does not notice a disk that is full when the file is closed
            faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]
        return cls(index, encoder)

    @classmethod
    def open(cls, folder: Path, params: RetrievalParams) -> DenseIndex:
        """Memory-map (as far as the kind of index allows) an index that `build` saved.

        Raises:
            DataError: it is missing or damaged, or its vectors are not those of the encoder.
        """
        flags = faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY
        file = folder / "index.faiss"
        try:
            index = faiss.read_index(str(file), flags)
        except (RuntimeError, MemoryError) as error:
            raise DataError(f"no whole index: {faiss_reason(error)}", file) from None
        encoder = open_encoder(params, folder)
        if index.d != encoder.dimensions:
            raise DataError(
                f"vectors of {index.d} dimensions, and the encoder makes {encoder.dimensions}", file
            )
        return cls(index, encoder)

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`. A query whose vector is zero matches nothing.

        Raises:
            RetrievalError: FAISS failed.
        """
        if not queries:
            return []
        vectors = self.encoder.encode_queries(queries)
        try:
            if self._flat:
                scores, positions = search_flat(self.index, self._flat, vectors, min(k, self.index.ntotal))
            else:
                scores, positions = self.index.search(vectors, min(k, self.index.ntotal))
        except (RuntimeError, MemoryError) as error:
            raise RetrievalError(f"FAISS cannot search: {faiss_reason(error)}") from None
        return [
            _ranking(row_scores, row_positions, k) if vector.any() else []
            for vector, row_scores, row_positions in zip(vectors, scores, positions, strict=True)
        ]


def encode_corpus(
    encoder: Encoder, corpus: Corpus, shards: Path | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (position of the first passage, vectors [passages, dimensions]) shard by shard.

    Shards that lie in the folder `shards` are read, others are encoded and written there, each whole or not
    at all.
    """
    contents = corpus.contents()
    with tqdm(total=len(corpus), desc="encoding", unit=" passages") as bar:
        for start in range(0, len(corpus), SHARD_PASSAGES):
            texts = list(islice(contents, SHARD_PASSAGES))
            file = shards / _shard_name(start) if shards else None
            if file and file.is_file():
                vectors = np.load(file)
            else:
                vectors = encoder.encode_passages(texts)
                if file:
                    write_array(file, vectors)
            yield start, vectors
            bar.update(len(texts))


def exact_ranking(encoder: Encoder, corpus: Corpus, queries: Sequence[str], k: int) -> list[Ranking]:
    """What a `Flat` index would rank, by encoding the corpus again: the yardstick of approximate indexes."""
    vectors = encoder.encode_queries(queries)
    heap = faiss.ResultHeap(len(queries), k, keep_max=True)
    for start, passages in encode_corpus(encoder, corpus):
        scores, positions = faiss.knn(
            vectors, passages, min(k, len(passages)), metric=faiss.METRIC_INNER_PRODUCT
        )
        heap.add_result(scores, positions + start)
    heap.finalize()
    return [_ranking(scores, positions, k) for scores, positions in zip(heap.D, heap.I, strict=True)]


def _shard_name(start: int) -> str:
    return f"passages_{start:010d}.npy"


def _trained_index(factory: str, dimensions: int, corpus: Corpus, shards: Path) -> faiss.Index:
    index = make_index(factory, dimensions)
    if not index.is_trained:
        with naming_faiss(factory):
            index.train(_sample(corpus, shards))
    return index


def _sample(corpus: Corpus, shards: Path) -> np.ndarray:
    """The vectors of the passages at `training_positions`, from whole shards."""
    stride = training_positions(len(corpus)).step
    parts = []
    for start in range(0, len(corpus), SHARD_PASSAGES):
        vectors = np.load(shards / _shard_name(start), mmap_mode="r")
        parts.append(np.asarray(vectors[-start % stride :: stride]))
    return np.concatenate(parts)


def _ranking(scores: np.ndarray, positions: np.ndarray, k: int) -> Ranking:
    found = positions >= 0  # FAISS fills up with -1
    return top_k(scores[found], positions[found], k)
