"""What a retriever is: queries in, passages out, in an order that never depends on chance.

Indexes rank *positions* of the corpus (`Ranker`); `CorpusRetriever` turns these into passages. So fusion and
measurements work on numbers alone and no passage is read that nobody will see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stepsearch_core.base.errors import ExplainedError, UnreachableError
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus

Ranking = list[tuple[int, float]]
"""(corpus position, score), best first; equal scores in the order of positions."""


class RetrievalError(ExplainedError):
    """A search that could not be carried out: a service is down, say. To find nothing is no error."""


class FinalRetrievalError(RetrievalError):
    """One that asking again would not mend: refused for what it asks, or asked again long enough already."""


class RetrievalUnavailableError(FinalRetrievalError, UnreachableError):
    """A service did not answer, or not as it should, for as long as it was asked again."""


class RetrievalTimeoutError(RetrievalUnavailableError):
    """As its base, and the last time it was still silent when its time was up."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found, with the method's own score (comparable within one query only)."""

    passage: Passage
    score: float


class Retriever(Protocol):
    """Anything that can be searched: an index in this process, or a service."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """At most `k` hits for each query, best first; fewer, or none, where fewer passages match.

        Raises:
            RetrievalError: the search could not be carried out.
        """
        ...


class Ranker(Protocol):
    """An index over the positions of one corpus."""

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """At most `k` positions for each query, best first; none for a query that matches nothing."""
        ...


class CorpusRetriever:
    """A ranker together with the corpus that it indexes."""

    def __init__(self, ranker: Ranker, corpus: Corpus) -> None:
        self.ranker = ranker
        self.corpus = corpus

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See `Retriever.search`."""
        return [
            [Hit(self.corpus[position], score) for position, score in ranking]
            for ranking in self.ranker.rank(queries, k)
        ]


def top_k(scores: np.ndarray, positions: np.ndarray, k: int) -> Ranking:
    """The `k` best of parallel arrays of scores and positions, ties broken by position.

    A partition alone would keep an arbitrary part of those that tie at the last place, so all of them are
    sorted.
    """
    if len(scores) > k:
        threshold = np.partition(scores, -k)[-k]
        kept = np.flatnonzero(scores >= threshold)
        scores, positions = scores[kept], positions[kept]
    order = np.lexsort((positions, -scores))[:k]
    return list(zip(positions[order].tolist(), scores[order].tolist(), strict=True))
