"""BM25 as Lucene scores it, written out term by term from the formula (Kamphuis et al. 2020, table 1)."""

import math
import re


def words(text: str) -> list[str]:
    """Runs of two or more word characters, in lower case."""
    return re.findall(r"\w+", text.lower())


def scores(query: str, texts: list[str], k1: float, b: float) -> list[float]:
    """sum over query words of ln(1 + (N - df + .5) / (df + .5)) * tf / (tf + k1 (1 - b + b length / mean
    length)).
    """
    documents = [words(text) for text in texts]
    mean_length = sum(map(len, documents)) / len(documents)

    def score(document: list[str]) -> float:
        total = 0.0
        for word in words(query):
            df = sum(word in other for other in documents)
            tf = document.count(word)
            idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            total += idf * tf / (tf + k1 * (1 - b + b * len(document) / mean_length)) if tf else 0.0
        return total

    return [score(document) for document in documents]
