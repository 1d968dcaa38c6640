"""What stands before the application: a request is read whole, within limits of size and time, or refused.

So nothing too large is ever parsed, and no client holds a handler by sending slowly. Whatever the
application could raise ends as a typed answer, never as a bare 500.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stepsearch_core.serving.metrics import RequestMetrics
from stepsearch_core.serving.refusals import RefusalError, Shape, flat
from stepsearch_core.serving.settings import MAX_BODY_BYTES


class Guard:
    """ASGI middleware; answers carry `Server-Timing: handler;dur=` with the handler's milliseconds."""

    def __init__(
        self,
        app: ASGIApp,
        paths: Collection[str],
        metrics: RequestMetrics,
        patience: float,
        shape: Shape = flat,
    ) -> None:
        """Stand before an application.

        Args:
            app: the application.
            paths: take a body; requests to them are counted.
            metrics: count them.
            patience: seconds within which a request must have arrived.
            shape: of what a refused client is told.
        """
        self._app, self._paths = app, paths
        self._metrics = metrics
        self._patience = patience
        self._shape = shape

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        timed = _Timed(send, self._metrics)
        try:
            body = await self._read(Headers(scope=scope), receive)
        except RefusalError as refusal:
            await refusal.response(self._shape, close=True)(scope, receive, timed)
            return
        if body is None:  # the client is gone
            return
        timed.started = time.perf_counter()
        try:
            await self._app(scope, _whole(body, receive), timed)
        except Exception:
            logging.getLogger(__name__).exception("a request failed")
            if timed.answered:
                raise
            problem = RefusalError(503, "failed", "the request failed; the server's log says why")
            await problem.response(self._shape)(scope, receive, timed)

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        announced = headers.get("content-length", "0")
        if int(announced) > MAX_BODY_BYTES:  # digits, as h11 has checked
            raise _too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > MAX_BODY_BYTES:
                        raise _too_large()
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            problem = f"the request had not arrived after {self._patience:g} s"
            raise RefusalError(408, "request_timeout", problem) from None


class _Timed:
    """Sends an answer on, and measures it."""

    def __init__(self, send: Send, metrics: RequestMetrics) -> None:
        self._send = send
        self._metrics = metrics
        self.started = time.perf_counter()
        self.answered = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.answered = True
            seconds = time.perf_counter() - self.started
            self._metrics.requests.labels(message["status"]).inc()
            self._metrics.seconds.observe(seconds)
            timing = (b"server-timing", b"handler;dur=%.3f" % (1000 * seconds))
            message = {**message, "headers": [*message["headers"], timing]}
        await self._send(message)


def _whole(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out a body at once."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return first.pop() if first else await receive()

    return next_message


def _too_large() -> RefusalError:
    return RefusalError(413, "body_too_large", f"a request may have {MAX_BODY_BYTES:,} bytes")
