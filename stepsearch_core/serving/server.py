"""`stepsearch serve-retriever`: opens what is served, listens, and ends as it should.

One process, or several on one port: each maps the same index, so the system keeps it in memory once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import FastAPI

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import METHODS, RetrievalParams, load_params
from stepsearch_core.retrieval.cache import CachedRanker
from stepsearch_core.retrieval.fingerprint import Fingerprint, fingerprint
from stepsearch_core.retrieval.index import open_ranker
from stepsearch_core.serving.app import create_app
from stepsearch_core.serving.listening import bound, listen, place, run
from stepsearch_core.serving.metrics import FOLDER_VARIABLE
from stepsearch_core.serving.settings import ServingSettings
from stepsearch_core.serving.workers import run_workers


def serve(settings: ServingSettings, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or Ctrl-C; prints the address once requests are taken.

    Raises:
        DataError: no such index, one of another corpus or other settings, or an address that is not free.
        SystemExit: a worker could not open what it serves.
    """
    with bound(host, port) as listener:
        params, corpus, _ = look(settings)
        message = f"serving {params.method} over {len(corpus):,} passages on {place(host, listener)}"
        announce = partial(print, message, flush=True)
        if workers == 1:
            app = open_app(settings)
            listen(listener)
            run(app, listener, settings.timeout, announce)
        else:
            listen(listener)
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
    run(open_app(settings), listener, settings.timeout, ready)
