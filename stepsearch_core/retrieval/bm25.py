"""BM25 by `bm25s`: the scores of every (term, passage) pair are computed once and memory-mapped afterwards.

Lucene's variant (Robertson et al. 1994 with idf = ln(1 + (N - df + .5) / (df + .5)); Kamphuis et al. 2020),
over title and text, by the words of `stepsearch_core.base.text`, unstemmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
import psutil
from bm25s.tokenization import Tokenizer
from tqdm import tqdm

from stepsearch_core.base.text import Segmenter
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25_memory import admit_bm25
from stepsearch_core.retrieval.indexed_words import indexed_words, no_word
from stepsearch_core.retrieval.retriever import Ranking, top_k


class BM25Index:
    """Ranks passages by BM25; those that share no term with the query are not found."""

    def __init__(self, model: bm25s.BM25, words: Segmenter) -> None:
        """Take the scores, and what finds the words of a query that count."""
        self._model = model
        self._words = words

    @classmethod
    def build(cls, corpus: Corpus, params: RetrievalParams, folder: Path) -> BM25Index:
        """Index `corpus` and save the index to `folder`. All passages' terms are in memory meanwhile.

        Raises:
            DataError: no such list of stop words, no word in the corpus, the segmenter is not installed, or
                memory does not do.
        """
        admit_bm25("bm25s", len(corpus), psutil.virtual_memory().available)
        words = indexed_words(params)
        tokenizer = Tokenizer(lower=False, splitter=words, stopwords=[])
        contents = tqdm(corpus.contents(), total=len(corpus), desc="BM25 terms", unit=" passages")
        terms = tokenizer.tokenize(
            contents, length=len(corpus), return_as="tuple", allow_empty=False, show_progress=False
        )
        if not terms.vocab:
            raise no_word()
        model = bm25s.BM25(k1=params.bm25_k1, b=params.bm25_b, method="lucene")
        model.index(terms, leave_progress=True)
        model.save(folder, show_progress=False)
        return cls(model, words)

    @classmethod
    def open(cls, folder: Path, params: RetrievalParams) -> BM25Index:
        """Memory-map an index that `build` saved.

        Raises:
            DataError: no such list of stop words, or the segmenter is not installed.
        """
        return cls(bm25s.BM25.load(folder, mmap=True, show_progress=False), indexed_words(params))

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`."""
        return [self._rank_terms(self._words(query), k) for query in queries]

    def _rank_terms(self, terms: list[str], k: int) -> Ranking:
        scores = self._model.get_scores_from_ids(self._model.get_tokens_ids(terms))
        # Lucene's idf is positive, so a score of 0 means that no term is shared
        matches = np.flatnonzero(scores)
        return top_k(scores[matches], matches, k)
