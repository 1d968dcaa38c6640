"""Several processes on one port: starts them, replaces those that die, ends all of them together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event

from stepsearch_core.base.errors import DataError, ExplainedError

CANNOT_START = 3
"""Exit status of a worker that has said why: another one would fail in the same way."""
_TICK_SECONDS = 0.2

Work = Callable[[socket.socket, Callable[[], None]], None]
"""What a worker does with the port until SIGTERM, after calling its second argument: it is ready. It is sent
to the process, so it can be pickled.
"""
_SPAWN = multiprocessing.get_context("spawn")


def run_workers(count: int, work: Work, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Keep `count` processes, two at least, at work until SIGTERM or Ctrl-C.

    The others start when the first is ready, which `announce` tells: so what keeps all of them from starting
    is said once.

    Raises:
        SystemExit: 1, as a worker could not begin; it has said why.
    """
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    ready = _SPAWN.Event()
    workers = [_start(work, listener, ready)]
    try:
        while not ending.is_set():
            wait([worker.sentinel for worker in workers], _TICK_SECONDS)
            for place, worker in enumerate(workers):
                if not worker.is_alive():
                    if worker.exitcode == CANNOT_START:
                        sys.exit(1)
                    logging.getLogger(__name__).warning(
                        "worker %d ended with %s", worker.pid, worker.exitcode
                    )
                    workers[place] = _start(work, listener, ready)
            if len(workers) < count and ready.is_set():
                announce()
                workers += [_start(work, listener, ready) for _ in range(count - 1)]
    finally:
        listener.close()  # it would take connections that nobody serves
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _start(work: Work, listener: socket.socket, ready: Event) -> SpawnProcess:
    worker = _SPAWN.Process(target=_worker, args=(work, listener, ready), daemon=True)
    worker.start()
    return worker


def _worker(work: Work, listener: socket.socket, ready: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process tells the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work(listener, ready.set)
    except (DataError, ExplainedError) as error:
        print(f"stepsearch: {error}", file=sys.stderr)
        sys.exit(CANNOT_START)


def _end_with_parent() -> None:
    """If the first process is killed, nobody else frees the port."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
