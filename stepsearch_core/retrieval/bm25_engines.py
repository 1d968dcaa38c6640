"""The engines that rank by BM25: the one place where `retrieval.bm25_engine` chooses."""

from __future__ import annotations

from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.bm25_tantivy import TantivyIndex


def bm25_engine(params: RetrievalParams) -> type[BM25Index] | type[TantivyIndex]:
    """What builds and opens the index."""
    return TantivyIndex if params.bm25_engine == "tantivy" else BM25Index
