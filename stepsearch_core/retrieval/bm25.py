"""BM25 by `bm25s`: the scores of every (term, passage) pair are computed once and memory-mapped afterwards.

Lucene's variant (Robertson et al. 1994 with idf = ln(1 + (N - df + .5) / (df + .5)); Kamphuis et al. 2020),
over title and text, by the words of `stepsearch_core.base.text`, unstemmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
from bm25s.tokenization import Tokenizer
from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import Segmenter, open_segmenter
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.retriever import Ranking, top_k


class BM25Index:
    """Ranks passages by BM25; those that share no term with the query are not found."""

    def __init__(self, model: bm25s.BM25, segment: Segmenter, stopwords: frozenset[str]) -> None:
        """Take the scores, what finds a query's words, and which of them do not count."""
        self._model = model
        self._segment = segment
        self._stopwords = stopwords

    @classmethod
    def build(cls, corpus: Corpus, params: RetrievalParams, folder: Path) -> BM25Index:
        """Index `corpus` and save the index to `folder`. All passages' terms are in memory meanwhile.

        Raises:
            DataError: no such list of stop words, no word in the corpus, or the segmenter is not installed.
        """
        segment = open_segmenter(params.segmenter)
        stopwords = stop_words(params)
        tokenizer = Tokenizer(lower=False, splitter=segment, stopwords=list(stopwords))
        contents = tqdm(corpus.contents(), total=len(corpus), desc="BM25 terms", unit=" passages")
        terms = tokenizer.tokenize(
            contents, length=len(corpus), return_as="tuple", allow_empty=False, show_progress=False
        )
        if not terms.vocab:
            raise DataError(
                "no passage of the corpus holds a word that is not a stop word", "params", field="retrieval"
            )
        model = bm25s.BM25(k1=params.bm25_k1, b=params.bm25_b, method="lucene")
        model.index(terms, leave_progress=True)
        model.save(folder, show_progress=False)
        return cls(model, segment, stopwords)

    @classmethod
    def open(cls, folder: Path, params: RetrievalParams) -> BM25Index:
        """Memory-map an index that `build` saved.

        Raises:
            DataError: no such list of stop words, or the segmenter is not installed.
        """
        model = bm25s.BM25.load(folder, mmap=True, show_progress=False)
        return cls(model, open_segmenter(params.segmenter), stop_words(params))

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`."""
        terms = ([word for word in self._segment(query) if word not in self._stopwords] for query in queries)
        return [self._rank_terms(query_terms, k) for query_terms in terms]

    def _rank_terms(self, terms: list[str], k: int) -> Ranking:
        scores = self._model.get_scores_from_ids(self._model.get_tokens_ids(terms))
        # Lucene's idf is positive, so a score of 0 means that no term is shared
        matches = np.flatnonzero(scores)
        return top_k(scores[matches], matches, k)


def stop_words(params: RetrievalParams) -> frozenset[str]:
    """The words of the list that `params` names; what stands in a list as "don't" is two words here.

    Raises:
        DataError: no such list, or the segmenter is not installed.
    """
    try:
        listed = Tokenizer(stopwords=params.stopwords).stopwords
    except ValueError as error:
        raise DataError(str(error), "params", field="retrieval.stopwords") from None
    segment = open_segmenter(params.segmenter)
    return frozenset(word for entry in listed for word in segment(entry))
