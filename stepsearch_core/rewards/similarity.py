"""TF-IDF cosine between passages, with document frequencies of the whole corpus.

The paper does not say which texts the idf comes from. The released code fits a new model for every retrieved passage on
that passage and the gold ones (n + 1 texts), which makes words that the passages share look rare and costs tens of
milliseconds a trajectory. Here the frequencies are counted once over the corpus, and each text's vector is kept.
The weighting is scikit-learn's default: terms of two or more word characters in lower case, raw counts times
idf = ln((1 + N) / (1 + df)) + 1, L2-normalised. A term that the corpus lacks has df = 0: it still counts towards its
text's length, so that every text with a term has cosine 1 with itself.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stepsearch_core.io import DataError, read_json, write_json

_TERM = re.compile(r"\w\w+")


class TfidfSimilarity:
    """Cosines of TF-IDF vectors over fixed document frequencies."""

    def __init__(self, documents: int, document_frequencies: Mapping[str, int], cache_size: int = 100_000) -> None:
        """Take the number of documents, in how many each term occurs, and how many texts' vectors to keep."""
        self.documents = documents
        self.document_frequencies = document_frequencies
        self._vector = lru_cache(maxsize=cache_size)(self._weigh)

    @classmethod
    def fit(cls, texts: Iterable[str]) -> TfidfSimilarity:
        """Count document frequencies over the corpus, one text at a time."""
        frequencies: Counter[str] = Counter()
        documents = 0
        for text in tqdm(texts, desc="document frequencies", unit="text"):
            frequencies.update(set(_terms(text)))
            documents += 1
        return cls(documents, frequencies)

    def save(self, path: Path | str) -> None:
        """Write the frequencies as JSON."""
        frequencies = dict(sorted(self.document_frequencies.items()))
        write_json(path, {"documents": self.documents, "document_frequencies": frequencies})

    @classmethod
    def load(cls, path: Path | str) -> TfidfSimilarity:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing, not JSON, or lacks a field.
        """
        content = read_json(path)
        for name, kind in (("documents", int), ("document_frequencies", dict)):
            if not isinstance(content, dict) or not isinstance(content.get(name), kind):
                raise DataError(f"missing or not of type {kind.__name__}", path, field=name)
        return cls(content["documents"], content["document_frequencies"])

    def cosine(self, golds: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Cosines in [0, 1] as float64 [n_gold, n_text]; a text without a term has cosine 0 with everything."""
        gold_vectors = [self._vector(gold) for gold in golds]
        text_vectors = [self._vector(text) for text in texts]
        cosines = [[_dot(gold, text) for text in text_vectors] for gold in gold_vectors]
        return np.array(cosines, dtype=np.float64).reshape(len(golds), len(texts))

    def _weigh(self, text: str) -> dict[str, float]:
        weights = {term: count * self._idf(term) for term, count in Counter(_terms(text)).items()}
        norm = math.sqrt(math.fsum(weight * weight for weight in weights.values()))
        return {term: weight / norm for term, weight in weights.items()}

    def _idf(self, term: str) -> float:
        return math.log((1 + self.documents) / (1 + self.document_frequencies.get(term, 0))) + 1


def _terms(text: str) -> list[str]:
    return _TERM.findall(text.lower())


def _dot(vector: dict[str, float], other: dict[str, float]) -> float:
    # fsum is exact, so the value does not depend on the order of a set of strings, which varies by process
    return min(1.0, math.fsum([vector[term] * other[term] for term in vector.keys() & other.keys()]))
