"""Retrieval: BM25 and dense rankings of one corpus, their fusion, how alike passages are, and how many are
found.
"""
