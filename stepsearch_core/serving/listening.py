"""A port, and an application behind it until it is told to end.

On SIGTERM a server takes no more connections, finishes what it holds and ends with 0.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from stepsearch_core.base.errors import DataError
from stepsearch_core.serving.connections import ImpatientProtocol

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept, so that a client's pool need not connect anew for every request."""
_LISTEN_BACKLOG = 2048


def bound(host: str, port: int) -> socket.socket:
    """A socket at an address; it takes no connections before there is something to serve.

    Raises:
        DataError: the address is not free, or none.
    """
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


def listen(listener: socket.socket) -> None:
    """Take connections.

    Raises:
        DataError: somebody else does at this address.
    """
    try:
        listener.listen(_LISTEN_BACKLOG)
    except OSError as error:
        raise DataError(
            f"cannot listen here: {error.strerror}", "{}:{}".format(*listener.getsockname())
        ) from None


def place(host: str, listener: socket.socket) -> str:
    """The URL of a socket that is bound at `host`."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def run(
    app: FastAPI, listener: socket.socket, timeout: float, announce: Callable[[], object] = lambda: None
) -> None:
    """Answer requests until SIGTERM or Ctrl-C; those under way have `timeout` seconds more, and five.

    `announce` is called once requests are answered and both signals end the server as they should.
    """
    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        backlog=_LISTEN_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(timeout) + 5,
    )
    server = _Server(config, announce)
    # before uvicorn has set its own handler; and after, as it raises the signal once more when all is done
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says when it has begun."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], object]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


@contextmanager
def noticing_the_end(mark: Callable[[], None]) -> Iterator[None]:
    """Call `mark` on SIGTERM, before the handler that uvicorn has set."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)

    def marking(number: int, frame: Any) -> None:
        mark()
        if callable(handler):
            handler(number, frame)

    signal.signal(signal.SIGTERM, marking)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
