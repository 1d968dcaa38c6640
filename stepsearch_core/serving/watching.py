"""What operators read of any server: that it lives, whether it takes requests, and how it does."""

from __future__ import annotations

from threading import Event

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from stepsearch_core.serving.metrics import RequestMetrics
from stepsearch_core.serving.refusals import RefusalError


def let_watch(app: FastAPI, metrics: RequestMetrics, draining: Event, refusal: type[BaseModel]) -> None:
    """Let an application answer at `/health`, `/ready` and `/metrics`.

    Args:
        app: gets the paths.
        metrics: has the page that Prometheus scrapes.
        draining: is set once the server is asked to end.
        refusal: the shape of this server's refusals, for `/openapi.json`.
    """

    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @app.get("/ready", responses={503: {"model": refusal, "description": "shutting down"}})
    async def ready() -> dict[str, str]:
        """What is served is open, and no one has asked the server to end."""
        if draining.is_set():
            raise RefusalError(503, "draining", "the server is shutting down")
        return {"status": "ready"}

    @app.get("/metrics")
    async def prometheus() -> Response:
        """See `metrics`."""
        return Response(metrics.page(), media_type=CONTENT_TYPE_LATEST)
