"""TF-IDF over character n-grams: a lexical search that forgives the endings of words and misspelt names.

"Winner" finds "winning"; it errs where BM25 over words does not, so it makes an independent vote on a search
key. Each word with a blank at either end is cut into runs of `LENGTH` characters, which are hashed; counts
are damped (1 + ln), weighed by idf and normalised (scikit-learn's `HashingVectorizer` and
`TfidfTransformer`). Scripts that put no blanks between words are hardly found: leave it out for them.

The index is made in memory when it is opened: of passages of 90 words some 3 KB each, 7 KB while it is made,
and .2 ms. So it is for corpora that fit, of `LARGEST` passages at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_array
from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.retrieval.retriever import Ranking, top_k

LENGTH = 4
_BUCKETS = 2**18
LARGEST = 1_000_000
_SCORES = 10_000_000
"""Of queries multiplied at once with all passages: they are sparse, but hardly so for common n-grams."""


class CharNgrams:
    """Ranks passages by the cosine of their n-grams with a query's; without a common one none is found."""

    def __init__(self, contents: Iterable[str], count: int) -> None:
        """Index these `count` texts."""
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

        self._counts = HashingVectorizer(
            analyzer="char_wb",
            ngram_range=(LENGTH, LENGTH),
            n_features=_BUCKETS,
            norm=None,
            alternate_sign=False,
            dtype=np.float32,
        )
        self._weights = TfidfTransformer(sublinear_tf=True)
        texts = tqdm(contents, total=count, desc="character n-grams", unit=" passages")
        passages = self._weights.fit_transform(self._counts.transform(texts))
        self._passages = csr_array(passages.T, dtype=np.float32)

    @classmethod
    def open(cls, corpus: Corpus) -> CharNgrams:
        """Index a corpus.

        Raises:
            DataError: it is too large.
        """
        if len(corpus) > LARGEST:
            problem = (
                f"char_ngrams is for {LARGEST:,} passages at most, there are {len(corpus):,}: leave it out"
            )
            raise DataError(problem, "params", field="synthesize.sources")
        return cls(corpus.contents(), len(corpus))

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`."""
        rankings: list[Ranking] = []
        batch = max(1, _SCORES // self._passages.shape[1])
        for start in range(0, len(queries), batch):
            counted = self._counts.transform(queries[start : start + batch])
            scores = csr_array(self._weights.transform(counted) @ self._passages)
            bounds = zip(scores.indptr[:-1], scores.indptr[1:], strict=True)
            rankings += [top_k(scores.data[a:b], scores.indices[a:b].astype(np.int64), k) for a, b in bounds]
        return rankings
