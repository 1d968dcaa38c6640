"""Searches under way beside the rollout: threads send what has piled up in one batch.

A search ends with its passages or with the reason why there are none: the retriever refused or answered
garbage, after as many attempts as allowed (one, if it has tried again itself), or took too long. A late
answer is dropped. With one worker, a retriever that is slow gets ever larger batches; more workers keep
several requests in flight.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from tenacity import (
    Retrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from stepsearch_core.base.types import Passage, StopReason
from stepsearch_core.params import RolloutParams
from stepsearch_core.retrieval.retriever import (
    FinalRetrievalError,
    Hit,
    RetrievalError,
    RetrievalTimeoutError,
    Retriever,
)

Outcome = list[Passage] | StopReason
"""What a search brought, or why its trajectory ends."""

_Asked = tuple[int, str]
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 5.0
"""Seconds before a retry at most: doubled from attempt to attempt, drawn at random below."""


class Searches:
    """Searches of one rollout, each under the number that it was submitted with; a context manager."""

    def __init__(self, retriever: Retriever, k: int, params: RolloutParams) -> None:
        self._retriever = retriever
        self._k = k
        self._params = params
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._answered: queue.SimpleQueue[list[tuple[int, Outcome]]] = queue.SimpleQueue()
        self._since: dict[int, float] = {}
        self._workers: list[threading.Thread] = []
        self._woken = False
        self.waited = 0.0
        """Seconds in which the rollout had nothing to do but to wait for a search."""
        self.failure = ""
        """Why the last search failed that did."""

    def __enter__(self) -> Searches:
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(queue.Empty):  # of late searches
            while True:
                self._asked.get_nowait()
        for _ in self._workers:
            self._asked.put(None)

    def __len__(self) -> int:
        """Searches under way."""
        return len(self._since)

    def submit(self, number: int, query: str) -> None:
        """Ask for a query's passages."""
        # daemons: one that hangs does not keep a process alive
        if len(self._workers) < self._params.retrieval_workers:
            self._workers.append(threading.Thread(target=self._work, name="retrieval", daemon=True))
            self._workers[-1].start()
        self._since[number] = time.monotonic()
        self._asked.put((number, query))

    def results(self, wait: bool) -> list[tuple[int, Outcome]]:
        """Searches that have ended since the last call; with `wait` at least one, if any is under way and
        nobody wakes it.
        """
        ended = self._ready(0.0)
        started = time.perf_counter()
        while wait and self._since and not ended and not self._woken:
            ended = self._ready(self._patience())
        self._woken = False
        self.waited += time.perf_counter() - started if wait else 0.0
        return ended

    def wake(self) -> None:
        """End the waiting for results, from another thread: there is something else to do."""
        self._woken = True
        self._answered.put([])

    def _ready(self, seconds: float) -> list[tuple[int, Outcome]]:
        ended: list[tuple[int, Outcome]] = []
        try:
            while True:
                ended += self._answered.get(timeout=seconds) if seconds else self._answered.get_nowait()
                seconds = 0.0
        except queue.Empty:
            pass
        ended = [(number, outcome) for number, outcome in ended if self._since.pop(number, None) is not None]
        limit = self._params.retrieval_timeout
        if limit is not None:
            late = [number for number, since in self._since.items() if time.monotonic() - since > limit]
            ended += [(number, StopReason.RETRIEVAL_TIMEOUT) for number in late]
            for number in late:
                del self._since[number]
                self.failure = f"no answer within {limit:g} s (rollout.retrieval_timeout)"
        return ended

    def _patience(self) -> float:
        """Seconds until the oldest search is late."""
        if self._params.retrieval_timeout is None:
            return 3600.0
        late = min(self._since.values()) + self._params.retrieval_timeout
        return min(3600.0, max(0.001, late - time.monotonic()))

    def _work(self) -> None:
        while (first := self._asked.get()) is not None:
            batch = [first]
            with suppress(queue.Empty):
                while (more := self._asked.get_nowait()) is not None:
                    batch.append(more)
                self._asked.put(None)  # the end of a worker: not to be lost
            self._answered.put(self._search(batch))

    def _search(self, batch: list[_Asked]) -> list[tuple[int, Outcome]]:
        try:
            for attempt in Retrying(
                stop=stop_after_attempt(self._params.retrieval_attempts),
                wait=wait_random_exponential(_FIRST_WAIT, _LONGEST_WAIT),
                retry=retry_if_exception_type(RetrievalError)
                & retry_if_not_exception_type(FinalRetrievalError),
                reraise=True,
            ):
                with attempt:
                    hits = self._retriever.search([query for _, query in batch], self._k)
                    found = _passages(hits, len(batch), self._k)
        except (
            Exception,
            SystemExit,
        ) as error:  # whatever it is, it must not end in a thread that nobody looks at
            logging.getLogger("rollout").warning("%d searches failed: %s", len(batch), error)
            self.failure = str(error)
            late = isinstance(error, RetrievalTimeoutError)
            reason = StopReason.RETRIEVAL_TIMEOUT if late else StopReason.RETRIEVAL_FAILED
            return [(number, reason) for number, _ in batch]
        return [(number, passages) for (number, _), passages in zip(batch, found, strict=True)]


def _passages(hits: Sequence[Sequence[Hit]], queries: int, k: int) -> list[list[Passage]]:
    """The passages of each query, at most `k`.

    Raises:
        RetrievalError: what came back is no list of hits for each query, with passages that can be shown.
    """
    try:
        found = [[hit.passage for hit in of_query][:k] for of_query in hits]
        for passage in itertools.chain(*found):
            "\n".join((passage.id, passage.title, passage.text)).encode()  # strings, without lone surrogates
    except (TypeError, AttributeError, UnicodeEncodeError) as error:
        raise RetrievalError(f"garbage instead of hits: {error}") from None
    if len(found) != queries:
        raise RetrievalError(f"{len(found)} results for {queries} queries")
    return found
