"""Retrieval: BM25 and dense rankings of one corpus, their fusion, and how well each finds gold passages."""
