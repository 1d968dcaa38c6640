"""Real retrievers and engines that are slow or fail."""

import random
import threading
import time

from stepsearch_core.retrieval.retriever import RetrievalError
from stepsearch_core.sampling.engine import EngineError


class Gated:
    """A retriever that answers once it is let."""

    def __init__(self, retriever):
        self.retriever, self.gate, self.asked = retriever, threading.Event(), threading.Event()

    def search(self, queries, k):
        """See `Retriever.search`."""
        self.asked.set()
        assert self.gate.wait(30)
        return self.retriever.search(queries, k)


class Failing:
    """A service that is down from the given call on."""

    def __init__(self, retriever, first):
        self.retriever, self.first, self.calls, self.asked = retriever, first, 0, []

    def search(self, queries, k):
        self.calls += 1
        if self.calls >= self.first:
            self.asked += queries
            raise RetrievalError("down")
        return self.retriever.search(queries, k)


class Delayed:
    """Another retriever, each call after a random time."""

    def __init__(self, retriever, seed):
        self.retriever, self.draw = retriever, random.Random(seed)

    def search(self, queries, k):
        time.sleep(self.draw.uniform(0.0, 0.02))
        return self.retriever.search(queries, k)


class Breaking:
    """An engine whose sessions break at the given passes, counted over all of them."""

    def __init__(self, engine, passes):
        self.engine, self.passes, self.count = engine, passes, 0
        self.played = engine.played

    def session(self, slots, capacity):
        session = self.engine.session(slots, capacity)
        advance = session.advance

        def sometimes():
            self.count += 1
            if self.count in self.passes:
                raise EngineError("out of memory")
            return advance()

        session.advance = sometimes
        return session


class Closed:
    """An engine that opens no session after the given ones."""

    def __init__(self, engine, sessions):
        self.engine, self.sessions = engine, sessions
        self.played = engine.played

    def session(self, slots, capacity):
        self.sessions -= 1
        if self.sessions < 0:
            raise EngineError("no memory for a cache")
        return self.engine.session(slots, capacity)
