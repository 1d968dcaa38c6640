"""Exact search for several queries at once, with the results of one at a time, to the last bit.

FAISS compares up to about a hundred queries with every vector one by one, and reads all vectors from memory
for each query. As a product of matrices, 64 queries at once take a seventh of the time (36,836 vectors of
1,024 dimensions, one thread); but the last bits of a score then depend on which queries are searched
together, and with them the order of what scores almost the same. So the product only proposes more vectors
than are asked for; these are compared in double precision, and a query for which they are too few, as what
was left out might score as high, is searched again for more.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

PRODUCT_QUERIES = 3
"""From so many queries on a product of matrices is faster."""
SPARE = (16, 128, 1024, 8192)
"""Vectors that are proposed beyond those asked for: the next number where the one before was too few, and
after the last it is left at that.
"""
_ROUNDING = 2.0**-24
"""Of a product or a sum in single precision, relative."""


def flat_parts(index: faiss.Index) -> list[np.ndarray]:
    """The vectors of a Flat index in main memory, float32 [vectors, dimensions], part by part, as they are
    mapped; of another kind of index nothing.
    """
    made: Any = faiss.downcast_index(index)
    if isinstance(made, faiss.IndexShards):
        shards: Any = made
        parts = [flat_parts(shards.at(number)) for number in range(shards.count())]
        return [vectors for part in parts for vectors in part] if all(parts) else []
    if type(made) in (faiss.IndexFlat, faiss.IndexFlatIP) and made.ntotal:
        return [faiss.rev_swig_ptr(made.get_xb(), made.ntotal * made.d).reshape(made.ntotal, made.d)]
    return []


def search_flat(
    index: faiss.Index, parts: list[np.ndarray], vectors: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `index.search` of a Flat index for inner products; best first, ties in the order of positions.

    Args:
        index: What is searched.
        parts: Its `flat_parts`.
        vectors: Of the queries, float32 [queries, dimensions], of length 1 at most, as those of the index.
        k: At most as many as there are vectors.

    Returns:
        Scores, float32, and positions, int64, both [queries, k]. A query of zeros finds nothing: its
        positions are -1.
    """
    # FAISS goes by queries times dimensions
    faiss.cvar.distance_compute_blas_threshold = PRODUCT_QUERIES * index.d
    uncertain = index.d * _ROUNDING
    scores = np.zeros((len(vectors), k), dtype=np.float32)
    positions = np.full((len(vectors), k), -1, dtype=np.int64)
    rows = np.flatnonzero(vectors.any(axis=1))
    for spare in SPARE:
        if not len(rows):
            break
        depth = min(k + spare, index.ntotal)
        product, proposed = index.search(vectors[rows], depth)
        exact = _compare(vectors[rows], parts, proposed)
        order = np.lexsort((proposed, -exact))[:, :k]
        scores[rows] = np.take_along_axis(exact, order, axis=1)
        positions[rows] = np.take_along_axis(proposed, order, axis=1)
        left_out = product[:, -1] + uncertain if depth < index.ntotal else -np.inf
        rows = rows[scores[rows, -1] <= left_out]
    return scores, positions


def _compare(vectors: np.ndarray, parts: list[np.ndarray], positions: np.ndarray) -> np.ndarray:
    """Inner products of each query with its own vectors: float32 [queries, proposed], rounded once."""
    starts = np.cumsum([0, *map(len, parts)])
    scores = np.empty(positions.shape, dtype=np.float32)
    for row, query in enumerate(vectors.astype(np.float64)):
        for part, start in zip(parts, starts, strict=False):
            here = np.flatnonzero((start <= positions[row]) & (positions[row] < start + len(part)))
            found = part[positions[row, here] - start].astype(np.float64)
            scores[row, here] = found @ query
    return scores
