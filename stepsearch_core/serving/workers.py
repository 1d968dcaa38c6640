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

from stepsearch_core.base.errors import DataError, ExplainedError

CANNOT_START = 3
"""Exit status of a worker that has said why: another one would fail in the same way."""
_TICK_SECONDS = 0.2

Work = Callable[[socket.socket], None]
"""What a worker does with the port until SIGTERM; it is sent to the process, so it can be pickled."""


def run_workers(count: int, work: Work, listener: socket.socket) -> None:
    """Keep `count` processes at work until SIGTERM or Ctrl-C.

    Raises:
        SystemExit: 1, as a worker could not begin; it has said why.
    """
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    workers = [_start(work, listener) for _ in range(count)]
    try:
        while not ending.is_set():
            wait([worker.sentinel for worker in workers], _TICK_SECONDS)
            if any(worker.exitcode == CANNOT_START for worker in workers):
                sys.exit(1)
            for place, worker in enumerate(workers):
                if not worker.is_alive():
                    logging.getLogger(__name__).warning(
                        "worker %d ended with %s", worker.pid, worker.exitcode
                    )
                    workers[place] = _start(work, listener)
    finally:
        listener.close()  # it would take connections that nobody serves
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _start(work: Work, listener: socket.socket) -> SpawnProcess:
    worker = multiprocessing.get_context("spawn").Process(target=_worker, args=(work, listener), daemon=True)
    worker.start()
    return worker


def _worker(work: Work, listener: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process tells the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work(listener)
    except (DataError, ExplainedError) as error:
        print(f"stepsearch: {error}", file=sys.stderr)
        sys.exit(CANNOT_START)


def _end_with_parent() -> None:
    """If the first process is killed, nobody else frees the port."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
