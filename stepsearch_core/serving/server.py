"""`stepsearch serve-retriever`: opens what is served, listens, and ends as it should.

One process, or several on one port: each maps the same index, so the system keeps it in memory once. On
SIGTERM a server takes no more connections, finishes what it holds and ends with 0.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from fastapi import FastAPI

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
from stepsearch_core.serving.workers import run_workers

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept, so that a trainer's pool need not connect anew every step."""
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
        announce = partial(print, message, flush=True)
        if workers == 1:
            app = open_app(settings)
            _listen(listener)
            announce()
            _run(app, settings, listener)
        else:
            _listen(listener)
            with TemporaryDirectory(prefix="stepsearch-metrics-") as folder:
                os.environ[FOLDER_VARIABLE] = folder
                run_workers(workers, partial(_work, settings), listener, announce)


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
    if not (data / "index" / "manifest.json").exists():
        raise DataError("there is no index: build it (`dvc repro index`)", data / "index")
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


def _work(settings: ServingSettings, listener: socket.socket, ready: Callable[[], None]) -> None:
    app = open_app(settings)
    ready()
    _run(app, settings, listener)


def _run(app: FastAPI, settings: ServingSettings, listener: socket.socket) -> None:
    """Answer requests until SIGTERM or Ctrl-C."""
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        backlog=_LISTEN_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.timeout) + 5,
    )
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it once more when all is done
    uvicorn.Server(config).run(sockets=[listener])


def _bound(host: str, port: int) -> socket.socket:
    """A socket at an address; it takes no connections before there is something to serve."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) where TCP is named; else an answer of two parts takes 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise DataError(f"cannot listen here: {error}", f"{host}:{port}") from None
    return listener


def _listen(listener: socket.socket) -> None:
    try:
        listener.listen(_LISTEN_BACKLOG)
    except OSError as error:
        raise DataError(
            f"cannot listen here: {error.strerror}", "{}:{}".format(*listener.getsockname())
        ) from None
