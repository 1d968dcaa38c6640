"""Searching for many clients at once: the cache answers what it knows, the batcher everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from stepsearch_core.retrieval.cache import CachedRanker
from stepsearch_core.retrieval.retriever import Ranker, Ranking, RetrievalError
from stepsearch_core.serving.batching import Batcher
from stepsearch_core.serving.metrics import Metrics
from stepsearch_core.serving.refusals import RefusalError
from stepsearch_core.serving.settings import ServingSettings


class SearchService:
    """A ranker behind a queue; with a `CachedRanker`, what is kept is answered without queueing.

    It searches between `async with` and its end.
    """

    def __init__(self, ranker: Ranker, settings: ServingSettings, metrics: Metrics) -> None:
        self._cache = ranker if isinstance(ranker, CachedRanker) else None
        self._batcher = Batcher(ranker, settings.max_batch, settings.queue, metrics)
        self._seconds = settings.timeout
        self._metrics = metrics

    async def __aenter__(self) -> Self:
        self._searching = asyncio.create_task(self._batcher.run())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._searching.cancel()
        with suppress(asyncio.CancelledError):
            await self._searching

    async def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """The ranking of each query; see `Ranker.rank`.

        Raises:
            RefusalError: the queue is full (429), a search failed (503) or took too long (504).
        """
        known = self._cache.known(queries, k) if self._cache else [None] * len(queries)
        missing = [query for query, ranking in zip(queries, known, strict=True) if ranking is None]
        self._metrics.hits.inc(len(queries) - len(missing))
        self._metrics.misses.inc(len(missing))
        found = iter(await self._search(missing, k) if missing else [])
        return [next(found) if ranking is None else ranking for ranking in known]

    async def _search(self, queries: list[str], k: int) -> list[Ranking]:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._batcher.rank(queries, k)
        except TimeoutError:
            raise RefusalError(504, "search_timeout", f"no result within {self._seconds:g} s") from None
        except RetrievalError as error:
            raise RefusalError(503, "search_failed", str(error), 1) from None
