"""A ranker that knows how fast it is: queries a second of a report's timings."""

from __future__ import annotations

import time
from collections.abc import Sequence

from stepsearch_core.retrieval.retriever import Ranker, Ranking


class TimedRanker:
    """Ranks with another ranker, and knows how fast that was."""

    def __init__(self, ranker: Ranker) -> None:
        self._ranker = ranker
        self._seconds = 0.0
        self.asked = 0

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`."""
        started = time.perf_counter()
        rankings = self._ranker.rank(queries, k)
        self._seconds += time.perf_counter() - started
        self.asked += len(queries)
        return rankings

    @property
    def speed(self) -> float:
        """Queries a second, of all so far."""
        return self.asked / self._seconds
