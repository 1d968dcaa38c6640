"""`stepsearch serve-retriever`: opens what is served, listens, and ends as it should.

One process, or several on one port: each maps the same index, so the system keeps it in memory once. On
SIGTERM a server takes no more connections, finishes what it holds and ends with 0.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import METHODS, RetrievalParams, load_params
from stepsearch_core.retrieval.cache import CachedRanker
from stepsearch_core.retrieval.fingerprint import Fingerprint, fingerprint
from stepsearch_core.retrieval.index import open_ranker
from stepsearch_core.serving.app import create_app
from stepsearch_core.serving.connections import ImpatientProtocol
from stepsearch_core.serving.metrics import FOLDER_VARIABLE
from stepsearch_core.serving.settings import ServingSettings

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept, so that a trainer's pool need not connect anew every step."""
STARTING_SECONDS = 600
"""How long a worker may take to open the index before it is taken for dead."""
_LISTEN_BACKLOG = 2048


def serve(settings: ServingSettings, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or Ctrl-C; prints the address once requests are taken.

    Raises:
        DataError: no such index, one of another corpus or other settings, or an address that is not free.
        SystemExit: a worker could not open what it serves.
    """
    with _bound(host, port) as listener:
        params, corpus, _ = look(settings)
        place = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        message = f"serving {params.method} over {len(corpus):,} passages on {place}"
        if workers == 1:
            app = open_app(settings)
            _listen(listener, message)
            _serve_alone(app, settings, listener)
        else:
            _listen(listener, message)
            _serve_together(settings, listener, workers)


def look(settings: ServingSettings) -> tuple[RetrievalParams, Corpus, Fingerprint]:
    """What would be served, without opening the index.

    Raises:
        DataError: no corpus or index, or a method that searches elsewhere.
        ParamsError: bad parameters.
    """
    params = load_params(settings.params).retrieval
    params = replace(params, method=settings.method or params.method)
    if not METHODS[params.method]:
        problem = f"{params.method} searches no index of its own; name one with --method"
        raise DataError(problem, settings.params, field="retrieval.method")
    data = Path(settings.data)
    corpus = Corpus.open(data / "corpus")
    return params, corpus, fingerprint(params, data / "index", corpus)


def open_app(settings: ServingSettings) -> FastAPI:
    """The application over the index and cache that the settings name.

    Raises:
        DataError: as `look` and `index.open_ranker`, or a folder that can hold no cache.
    """
    params, corpus, searched = look(settings)
    ranker = open_ranker(params, Path(settings.data) / "index", corpus)
    if settings.cache:
        ranker = CachedRanker(ranker, settings.cache, searched.index, settings.cache_gb)
    return create_app(ranker, corpus, searched, settings)


def worker_app() -> FastAPI:
    """`open_app` in a worker process; what is wrong there ends the server with one line."""
    try:
        return open_app(ServingSettings.from_environment())
    except DataError as error:
        print(f"stepsearch: {error}", file=sys.stderr)
        sys.exit(STARTUP_FAILURE)


def _config(app: FastAPI | str, settings: ServingSettings, workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        http=ImpatientProtocol,
        ws="none",
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        backlog=_LISTEN_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.timeout) + 5,
        timeout_worker_healthcheck=STARTING_SECONDS,
    )


def _serve_alone(app: FastAPI, settings: ServingSettings, listener: socket.socket) -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it once more when all is done
    uvicorn.Server(_config(app, settings, workers=1)).run(sockets=[listener])


def _serve_together(settings: ServingSettings, listener: socket.socket, workers: int) -> None:
    settings.to_environment()
    with TemporaryDirectory(prefix="stepsearch-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        supervisor = _Supervisor(_config(f"{__name__}:worker_app", settings, workers), [listener])
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(1)


class _Supervisor(Multiprocess):
    """Starts workers, and others where one dies."""

    def terminate_all(self) -> None:
        """End all of them; the port is closed first, as it would take connections that nobody serves."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def _bound(host: str, port: int) -> socket.socket:
    """A socket at an address; it takes no connections before there is something to serve."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise DataError(f"cannot listen here: {error}", f"{host}:{port}") from None
    return listener


def _listen(listener: socket.socket, message: str) -> None:
    try:
        listener.listen(_LISTEN_BACKLOG)
    except OSError as error:
        raise DataError(
            f"cannot listen here: {error.strerror}", "{}:{}".format(*listener.getsockname())
        ) from None
    print(message, flush=True)
