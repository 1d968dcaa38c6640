"""Indexes whose search leaves vectors out (IVF, HNSW), searched whole: what is lost by not looking.

What somebody else encoded would take long to encode anew. Its own vectors, or codes where it keeps only
these, are the yardstick of how thoroughly it is searched.
"""

from __future__ import annotations

from typing import Any

import faiss

from stepsearch_core.retrieval.parts import is_ivf


def leaves_out(index: faiss.Index) -> bool:
    """Whether a search looks at some vectors only, as far as `searched_whole` can mend that."""
    return is_ivf(index) or isinstance(faiss.downcast_index(index), faiss.IndexHNSW)


def searched_whole(index: faiss.Index) -> faiss.Index:
    """The same vectors under the same numbers, all of which are looked at; `index` itself may be changed."""
    made: Any = faiss.downcast_index(index)
    if is_ivf(index):
        inner: Any = faiss.extract_index_ivf(index)
        inner.nprobe = inner.nlist
    elif isinstance(made, faiss.IndexHNSW):
        vectors: Any = faiss.downcast_index(made.storage)
        vectors.referenced_objects = [index]  # which owns them
        return vectors
    return index
