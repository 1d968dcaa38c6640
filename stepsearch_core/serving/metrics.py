"""What Prometheus scrapes: requests, seconds, the queue, batches and the cache, of all workers together.

Several workers add up their counts in files (prometheus_client's multiprocess mode, which it chooses where
`PROMETHEUS_MULTIPROC_DIR` is set before it is first imported).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_QUERIES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class RequestMetrics:
    """The metrics of a server process that any server has: of the requests to one path."""

    def __init__(self, path: str) -> None:
        own = self._registry = CollectorRegistry()
        self.requests = Counter(
            "stepsearch_requests",
            f"Requests to {path}, by the status of the answer",
            ["status"],
            registry=own,
        )
        self.seconds = Histogram(
            "stepsearch_request_seconds",
            "From a request's last byte to its answer",
            buckets=_SECONDS,
            registry=own,
        )

    def page(self) -> bytes:
        """In Prometheus's text format."""
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder is None:
            return generate_latest(self._registry)
        _forget_dead_workers(Path(folder))
        together = CollectorRegistry()
        MultiProcessCollector(together, path=folder)
        return generate_latest(together)


class Metrics(RequestMetrics):
    """The metrics of one process of the retrieval server."""

    def __init__(self) -> None:
        super().__init__("/retrieve")
        own = self._registry
        self.waiting = Gauge(
            "stepsearch_queue_queries",
            "Queries that wait for a search",
            multiprocess_mode="livesum",
            registry=own,
        )
        self.batch = Histogram(
            "stepsearch_batch_queries", "Queries searched at once", buckets=_QUERIES, registry=own
        )
        self.hits = Counter("stepsearch_cache_hits", "Queries answered from the cache", registry=own)
        self.misses = Counter("stepsearch_cache_misses", "Queries that had to be searched", registry=own)


def _forget_dead_workers(folder: Path) -> None:
    """A worker that was killed has no queue any more; what it has counted stays."""
    numbers = {
        int(found[1]) for path in folder.iterdir() if (found := re.search(r"live\w*_(\d+)\.db", path.name))
    }
    for number in numbers:
        if not psutil.pid_exists(number):
            mark_process_dead(number, path=str(folder))
