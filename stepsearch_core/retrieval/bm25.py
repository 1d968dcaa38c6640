"""BM25 by `bm25s`: the scores of every (term, passage) pair are computed once and memory-mapped afterwards.

Lucene's variant (Robertson et al. 1994 with idf = ln(1 + (N - df + .5) / (df + .5)); Kamphuis et al. 2020), over title
and text in lower case, words of two characters or more, unstemmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
from tqdm import tqdm

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.io import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.retriever import Ranking, top_k


class BM25Index:
    """Ranks passages by BM25; those that share no term with the query are not found."""

    def __init__(self, model: bm25s.BM25, stopwords: str | None) -> None:
        self._model = model
        self._stopwords: str | list[str] = stopwords or []

    @classmethod
    def build(cls, corpus: Corpus, params: RetrievalParams, folder: Path) -> BM25Index:
        """Index `corpus` and save the index to `folder`. The terms of all passages are held in memory meanwhile.

        Raises:
            DataError: no such list of stop words.
        """
        try:
            bm25s.tokenize([""], stopwords=params.stopwords or [], show_progress=False)
        except ValueError as error:
            raise DataError(str(error), "params", field="retrieval.stopwords") from None
        contents = tqdm(corpus.contents(), total=len(corpus), desc="BM25 terms", unit=" passages")
        terms = bm25s.tokenize(contents, stopwords=params.stopwords or [], show_progress=False)
        model = bm25s.BM25(k1=params.bm25_k1, b=params.bm25_b, method="lucene")
        model.index(terms, leave_progress=True)
        model.save(folder, show_progress=False)
        return cls(model, params.stopwords)

    @classmethod
    def open(cls, folder: Path, params: RetrievalParams) -> BM25Index:
        """Memory-map an index that `build` saved."""
        return cls(bm25s.BM25.load(folder, mmap=True, show_progress=False), params.stopwords)

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`."""
        terms = bm25s.tokenize(list(queries), stopwords=self._stopwords, return_ids=False, show_progress=False)
        return [self._rank_terms(query_terms, k) for query_terms in terms]

    def _rank_terms(self, terms: list[str], k: int) -> Ranking:
        scores = self._model.get_scores_from_ids(self._model.get_tokens_ids(terms))
        matches = np.flatnonzero(scores)  # Lucene's idf is positive, so a score of 0 means that no term is shared
        return top_k(scores[matches], matches, k)
