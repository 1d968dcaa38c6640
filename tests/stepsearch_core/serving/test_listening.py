import asyncio
import signal
import socket
import subprocess
import sys

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.serving.listening import bound, listen, noticing_the_end, place


def test_answers_are_sent_at_once():
    """With Nagle's algorithm and delayed acknowledgements every answer to a lone client would take 40 ms."""

    async def accepted():
        found = asyncio.get_running_loop().create_future()

        async def look_at(reader, writer):
            found.set_result(
                writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            )
            writer.close()

        with bound("127.0.0.1", 0) as listener:
            async with await asyncio.start_server(look_at, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                writer.close()
                return await found

    assert asyncio.run(accepted())


def test_an_address_that_is_taken_or_none_is_one_line():
    with bound("127.0.0.1", 0) as first:
        listen(first)
        port = first.getsockname()[1]
        assert place("127.0.0.1", first) == f"http://127.0.0.1:{port}"
        with pytest.raises(DataError, match=rf"^127\.0\.0\.1:{port}: cannot listen here"):
            bound("127.0.0.1", port)
    with pytest.raises(DataError, match="cannot listen here"):
        bound("127.0.0.1", 70_000)


def test_an_address_of_ip_6_stands_in_brackets():
    try:
        with bound("::1", 0) as listener:
            assert place("::1", listener).startswith("http://[::1]:")
    except DataError:
        pytest.skip("no IPv6 here")


SERVER = """
import time
from contextlib import asynccontextmanager
from fastapi import FastAPI
from stepsearch_core.serving.listening import bound, listen, run

@asynccontextmanager
async def lifespan(app):
    print("starting", flush=True)
    time.sleep(0.3)
    yield

with bound("127.0.0.1", 0) as listener:
    listen(listener)
    run(FastAPI(lifespan=lifespan), listener, 1, lambda: print("serving", flush=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize("line", ["starting", "serving"])
def test_sigterm_right_after_a_server_has_said_that_it_begins_ends_it_with_0(line):
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        while server.stdout.readline() != f"{line}\n":
            assert server.poll() is None
        server.send_signal(signal.SIGTERM)
        try:
            assert server.wait(20) == 0
        finally:
            server.kill()


def test_the_end_is_noticed_before_the_handler_that_was_there():
    happened = []
    before = signal.signal(signal.SIGTERM, lambda *_: happened.append("handler"))
    try:
        with noticing_the_end(lambda: happened.append("noticed")):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert happened == ["noticed", "handler", "handler"]
