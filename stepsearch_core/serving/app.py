"""The application: five paths over one `SearchService`. `GET /openapi.json` describes them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Body, FastAPI, Response

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.retrieval.fingerprint import INDEX_HEADER, Fingerprint
from stepsearch_core.retrieval.retriever import Ranker, Ranking
from stepsearch_core.serving.guard import Guard
from stepsearch_core.serving.listening import noticing_the_end
from stepsearch_core.serving.metrics import Metrics
from stepsearch_core.serving.protocol import (
    AnyRequest,
    ErrorResponse,
    RetrieveResponse,
    SingleRequest,
    SingleResponse,
    encode,
    encode_single,
)
from stepsearch_core.serving.refusals import RefusalError, answer_refusals
from stepsearch_core.serving.service import SearchService
from stepsearch_core.serving.settings import PATIENCE_SECONDS, ServingSettings
from stepsearch_core.serving.watching import let_watch

PATH = "/retrieve"
"""Takes a body; requests to it are counted."""
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": meaning}
    for status, meaning in {
        400: "not JSON, or not UTF-8",
        408: "the request did not arrive in time",
        413: "the body is too large",
        422: "not a request of this protocol, or beyond a limit",
        429: "the queue is full; Retry-After says when to try again",
        503: "the search failed",
        504: "the search took too long",
    }.items()
}


def create_app(
    ranker: Ranker,
    corpus: Corpus,
    searched: Fingerprint,
    settings: ServingSettings,
    patience: float = PATIENCE_SECONDS,
) -> FastAPI:
    """The application that serves a ranker.

    Args:
        ranker: A `CachedRanker` if there is a cache.
        corpus: What the ranker's positions are positions of.
        searched: The fingerprint of both.
        settings: Limits, and the default of `topk`.
        patience: Seconds within which a request has to arrive.
    """
    metrics = Metrics()
    service = SearchService(ranker, settings, metrics)
    draining = threading.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with noticing_the_end(draining.set):
            async with service:
                yield

    app = FastAPI(title="StepSearch retrieval", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, paths=(PATH,), metrics=metrics, patience=patience)
    answer_refusals(app)

    @app.post(PATH, response_model=RetrieveResponse | SingleResponse, responses=REFUSALS)
    async def retrieve(request: Annotated[AnyRequest, Body()]) -> Response:
        """The documents that each query finds, best first."""
        if isinstance(request, SingleRequest):
            [ranking] = await search([request.query], request.top_k)
            body = encode_single(ranking, corpus)
        else:
            rankings = await search(request.queries, request.topk)
            body = encode(rankings, corpus, request.return_scores)
        return Response(body, media_type="application/json", headers={INDEX_HEADER: searched.index})

    async def search(queries: list[str], asked: int | None) -> list[Ranking]:
        k = asked or settings.topk
        _check_limits(queries, k, settings)
        return await service.rank(queries, k)

    @app.get("/fingerprint")
    async def fingerprint() -> dict[str, str | int]:
        """What is searched: see `retrieval.fingerprint`."""
        return asdict(searched)

    let_watch(app, metrics, draining, ErrorResponse)
    return app


def _check_limits(queries: list[str], k: int, settings: ServingSettings) -> None:
    """The limits that a server is started with; the protocol's own stand at its fields.

    Raises:
        RefusalError: 422.
    """
    if k > settings.topk_limit:
        raise RefusalError(
            422, "invalid_request", f"topk: {k} is above this server's limit, {settings.topk_limit}"
        )
    if len(queries) > settings.queue:
        raise RefusalError(
            422, "invalid_request", f"queries: this server's queue holds {settings.queue} at most"
        )
