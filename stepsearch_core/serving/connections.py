"""Connections that end when the client does not go on: uvicorn itself waits for ever.

Three waits have a limit: for the head of a request (here), for its body (`guard`), and for the client to
take its answer (here). Between two requests uvicorn's own keep-alive limit holds.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from stepsearch_core.serving.settings import PATIENCE_SECONDS


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it; a connection on which a client leaves us waiting is cut."""

    patience = PATIENCE_SECONDS
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected, and has to send the head of its request."""
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        """A part of a request; once its head is whole, the application waits for the rest."""
        between = not self._answering()
        if between and self._limit is None:
            self._begin()
        super().data_received(data)
        if between and self._answering():
            self._end()

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it is written."""
        super().pause_writing()
        self._begin()

    def resume_writing(self) -> None:
        """It has taken enough of it."""
        super().resume_writing()
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._end()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _begin(self) -> None:
        self._end()
        self._limit = self.loop.call_later(self.patience, self.transport.abort)

    def _end(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
