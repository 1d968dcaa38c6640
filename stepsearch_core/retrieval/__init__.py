"""Retrieval: BM25 and dense rankings of one corpus, their fusion, similarity of passages, and coverage."""
