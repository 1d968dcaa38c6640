"""The offline encoder: TF-IDF, projected at random to a few dimensions.

Where no neural encoder can be had it stands in for one: random projection keeps inner products in
expectation, and so it finds, with noise, what TF-IDF finds. It exercises the whole dense path, but it is a
lexical method and knows no synonyms.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize
from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_array
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.text import Segmenter, words
from stepsearch_core.data.corpus import Corpus

TERM_BUCKETS = 1 << 20
"""Words are hashed to this many columns: of Wikipedia's words few share one, and no vocabulary is kept."""
ENTRIES_PER_TERM = 8
"""Non-zero entries of the projection for a word. With one (hashing) words collide, many add noise."""
PROJECTION_SEED = 0


class HashingEncoder:
    """TF-IDF with sublinear term frequency over the words of `text`, under a sparse random sign matrix.

    The projection has a fixed number of entries a word: a sparse Johnson-Lindenstrauss transform (Kane and
    Nelson, "Sparser Johnson-Lindenstrauss transforms", JACM 2014). Scikit-learn's own gives a word a random
    number of entries, sometimes none, which loses .05 to .15 of recall at 2,048 dimensions.
    """

    def __init__(
        self, idf: np.ndarray, dimensions: int, segment: Segmenter = words, dtype: str = "float32"
    ) -> None:
        """Take the idf of every bucket, [TERM_BUCKETS], and what finds a text's words."""
        self.dimensions = dimensions
        self.dtype = dtype
        self._idf = idf
        self._terms = _term_counts(segment)
        self._tfidf = TfidfTransformer(sublinear_tf=True)
        self._tfidf.idf_ = idf
        self._projection = _random_projection(dimensions)

    @classmethod
    def fit(cls, corpus: Corpus, dimensions: int, segment: Segmenter = words) -> HashingEncoder:
        """Count in how many passages each word occurs: idf = ln((1 + N) / (1 + df)) + 1."""
        terms = _term_counts(segment)
        counts = np.zeros(TERM_BUCKETS)
        for text in tqdm(
            corpus.contents(), total=len(corpus), desc="document frequencies", unit=" passages"
        ):
            counts[terms.transform([text]).indices] += 1
        return cls(np.log((1 + len(corpus)) / (1 + counts)) + 1, dimensions, segment)

    @classmethod
    def load(
        cls, folder: Path, dimensions: int, segment: Segmenter = words, dtype: str = "float32"
    ) -> HashingEncoder:
        """Read what `save` wrote.

        Raises:
            DataError: it is not there or damaged.
        """
        try:
            idf = np.load(folder / "idf.npy")
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"cannot be read: {error}", folder / "idf.npy") from None
        return cls(idf, dimensions, segment, dtype)

    def save(self, folder: Path) -> None:
        """Write the idf; the rest follows from the settings."""
        write_array(folder / "idf.npy", self._idf)

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        """See `Encoder.encode_passages`; a text without a word gives zeros."""
        weights = self._tfidf.transform(self._terms.transform(texts))
        return normalize((weights @ self._projection).toarray().astype(np.float32), copy=False)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """See `Encoder.encode_queries`."""
        return self.encode_passages(texts)


def _term_counts(segment: Segmenter) -> HashingVectorizer:
    """Texts to counts of hashed words, [texts, TERM_BUCKETS]."""
    return HashingVectorizer(
        analyzer=segment, n_features=TERM_BUCKETS, alternate_sign=False, norm=None, dtype=np.float32
    )


def _random_projection(dimensions: int) -> csr_matrix:
    """A sparse matrix [TERM_BUCKETS, dimensions] of random signs, `ENTRIES_PER_TERM` a row."""
    generator = stream(PROJECTION_SEED, Name.PROJECTION)
    entries = TERM_BUCKETS * ENTRIES_PER_TERM
    signs = generator.choice(np.array([-1, 1], dtype=np.float32), entries)
    columns = generator.integers(0, dimensions, entries, dtype=np.int32)
    rows = np.arange(0, entries + 1, ENTRIES_PER_TERM, dtype=np.int32)
    return csr_matrix((signs, columns, rows), shape=(TERM_BUCKETS, dimensions))
