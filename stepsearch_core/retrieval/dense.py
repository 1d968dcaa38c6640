"""Dense retrieval: passages as vectors in a FAISS index, searched by inner product (Johnson et al. 2019).

The index is any FAISS factory string: `Flat` is exact; `IVF4096,SQ8` or `HNSW32` trade recall, which the index stage
measures, for memory and time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import faiss
import numpy as np
from tqdm import tqdm

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.encoders import Encoder, fit_encoder, open_encoder
from stepsearch_core.retrieval.retriever import Ranking, top_k

ENCODED_AT_ONCE = 4096
TRAINING_PASSAGES = 262_144
"""Passages, evenly spaced over the corpus, on which clusters and quantisers are trained."""


class DenseIndex:
    """Ranks passages by the inner product of their vector with the query's."""

    def __init__(self, index: faiss.Index, encoder: Encoder) -> None:
        self.index = index
        self.encoder = encoder

    @classmethod
    def build(cls, corpus: Corpus, params: RetrievalParams, folder: Path) -> DenseIndex:
        """Encode and index `corpus`, and save index and encoder in `folder`, which must exist."""
        encoder = fit_encoder(params, corpus, folder)
        index = _trained_index(params.index_factory, encoder, corpus)
        for _, vectors in encode_corpus(encoder, corpus):
            index.add(vectors)
        faiss.write_index(index, str(folder / "index.faiss"))
        return cls(index, encoder)

    @classmethod
    def open(cls, folder: Path, params: RetrievalParams) -> DenseIndex:
        """Memory-map (as far as the kind of index allows) an index that `build` saved."""
        flags = faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY
        return cls(faiss.read_index(str(folder / "index.faiss"), flags), open_encoder(params, folder))

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`. A query whose vector is zero matches nothing."""
        if not queries:
            return []
        vectors = self.encoder.encode_queries(queries)
        scores, positions = self.index.search(vectors, min(k, self.index.ntotal))
        return [
            _ranking(row_scores, row_positions, k) if vector.any() else []
            for vector, row_scores, row_positions in zip(vectors, scores, positions, strict=True)
        ]


def encode_corpus(encoder: Encoder, corpus: Corpus) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (position of the first passage, vectors [passages, dimensions]) batch by batch."""
    contents = corpus.contents()
    with tqdm(total=len(corpus), desc="encoding", unit=" passages") as bar:
        for start in range(0, len(corpus), ENCODED_AT_ONCE):
            texts = [next(contents) for _ in range(min(ENCODED_AT_ONCE, len(corpus) - start))]
            yield start, encoder.encode_passages(texts)
            bar.update(len(texts))


def exact_ranking(encoder: Encoder, corpus: Corpus, queries: Sequence[str], k: int) -> list[Ranking]:
    """What a `Flat` index would rank, by encoding the corpus once more: the yardstick of approximate indexes."""
    vectors = encoder.encode_queries(queries)
    heap = faiss.ResultHeap(len(queries), k, keep_max=True)
    for start, passages in encode_corpus(encoder, corpus):
        scores, positions = faiss.knn(vectors, passages, min(k, len(passages)), metric=faiss.METRIC_INNER_PRODUCT)
        heap.add_result(scores, positions + start)
    heap.finalize()
    return [_ranking(scores, positions, k) for scores, positions in zip(heap.D, heap.I, strict=True)]


def _trained_index(factory: str, encoder: Encoder, corpus: Corpus) -> faiss.Index:
    index = faiss.index_factory(encoder.dimensions, factory, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        step = max(1, len(corpus) // TRAINING_PASSAGES)
        sample = [corpus[position].contents for position in range(0, len(corpus), step)]
        index.train(encoder.encode_passages(sample))
    return index


def _ranking(scores: np.ndarray, positions: np.ndarray, k: int) -> Ranking:
    found = positions >= 0  # FAISS fills up with -1
    return top_k(scores[found], positions[found], k)
