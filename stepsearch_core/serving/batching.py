"""Micro-batching: what piled up while one search ran is searched together by the next.

Nobody waits for a batch to fill: a query that arrives while nothing runs is searched at once, alone. One
thread searches, because an index uses the machine's cores better with many queries than with many calls.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

from stepsearch_core.retrieval.retriever import Ranker, Ranking, RetrievalError
from stepsearch_core.serving.metrics import Metrics
from stepsearch_core.serving.refusals import RefusalError


@dataclass(slots=True)
class _Waiting:
    query: str
    k: int
    ranking: asyncio.Future[Ranking]


class Batcher:
    """A bounded queue of queries and the one who searches them, up to `max_batch` at a time."""

    def __init__(self, ranker: Ranker, max_batch: int, max_waiting: int, metrics: Metrics) -> None:
        self._search = _SearchThread(ranker)
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._metrics = metrics
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()

    async def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """The ranking of each query. Whoever is cancelled leaves the queue.

        Raises:
            RefusalError: 429, as the queue has no room for all of them.
            RetrievalError: a search failed.
        """
        if len(self._waiting) + len(queries) > self._max_waiting:
            raise RefusalError(429, "busy", f"{len(self._waiting)} queries wait already; try again", 1)
        loop = asyncio.get_running_loop()
        asked = [_Waiting(query, k, loop.create_future()) for query in queries]
        self._waiting.extend(asked)
        self._arrived.set()
        self._metrics.waiting.set(len(self._waiting))
        return list(await asyncio.gather(*(one.ranking for one in asked)))

    async def run(self) -> None:
        """Search until cancelled."""
        while True:
            await self._arrived.wait()
            if batch := self._take():
                self._metrics.batch.observe(len(batch))
                await self._answer(batch)
            else:
                self._arrived.clear()

    def _take(self) -> list[_Waiting]:
        """The first of those who wait and others with its k: an index may rank otherwise for another k."""
        waiting = [one for one in self._waiting if not one.ranking.done()]
        batch = [one for one in waiting if one.k == waiting[0].k][: self._max_batch]
        taken = set(map(id, batch))
        self._waiting = deque(one for one in waiting if id(one) not in taken)
        self._metrics.waiting.set(len(self._waiting))
        return batch

    async def _answer(self, batch: list[_Waiting]) -> None:
        """Search a batch; if that fails, each of its queries alone, so that one fails only itself."""
        queries = list(dict.fromkeys(one.query for one in batch))
        try:
            rankings = await self._search.rank(queries, batch[0].k)
        except Exception as error:
            if len(batch) > 1:
                for one in batch:
                    await self._answer([one])
            elif not batch[0].ranking.done():
                batch[0].ranking.set_exception(_explained(error))
            return
        found = dict(zip(queries, rankings, strict=True))
        for one in batch:
            if not one.ranking.done():
                one.ranking.set_result(found[one.query])


class _SearchThread:
    """A thread that searches. A daemon: a search that hangs keeps no process from ending."""

    def __init__(self, ranker: Ranker) -> None:
        self._ranker = ranker
        self._jobs: SimpleQueue[tuple[Sequence[str], int, Future[list[Ranking]]]] = SimpleQueue()
        Thread(target=self._work, name="search", daemon=True).start()

    async def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`."""
        rankings: Future[list[Ranking]] = Future()
        self._jobs.put((queries, k, rankings))
        return await asyncio.wrap_future(rankings)

    def _work(self) -> None:
        while True:
            queries, k, rankings = self._jobs.get()
            if not rankings.set_running_or_notify_cancel():
                continue
            try:
                found = self._ranker.rank(queries, k)
            except Exception as error:
                rankings.set_exception(error)
            else:
                rankings.set_result(found)


def _explained(error: Exception) -> RetrievalError:
    if isinstance(error, RetrievalError):
        return error
    logging.getLogger(__name__).error("a search failed", exc_info=error)
    return RetrievalError(f"the search failed ({type(error).__name__}; the server's log says more)")
