import socket
import time
from contextlib import suppress

import httpx
import pytest

from tests.stepsearch_core.serving.test_guard import GOOD, HEAD


def closed_after(connection):
    """Seconds until the server closes."""
    started = time.monotonic()
    with suppress(ConnectionResetError):
        while connection.recv(1 << 16):
            pass
    return time.monotonic() - started


def drip(connection, content):
    for byte in content:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"POST /retr", HEAD])
def test_a_client_that_does_not_finish_the_head_of_its_request_is_cut(listening, rankers, sent):
    port = listening(rankers["bm25"], patience=0.3)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as hanging:
        hanging.sendall(sent)
        assert httpx.post(f"http://127.0.0.1:{port}/retrieve", json=GOOD).status_code == 200
        assert closed_after(hanging) < 20


@pytest.mark.slow
def test_a_client_that_drips_is_cut_as_well(listening, rankers):
    port = listening(rankers["bm25"], patience=0.3)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as dripping, pytest.raises(OSError):
        drip(dripping, b"x" * 1000)


@pytest.mark.slow
def test_a_connection_is_kept_between_requests_longer_than_a_client_may_take_within_one(listening, rankers):
    port = listening(rankers["bm25"], patience=0.3)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        used = set()
        for _ in range(3):
            stream = client.post("/retrieve", json=GOOD).extensions["network_stream"]
            used.add(stream.get_extra_info("client_addr"))
            time.sleep(0.5)
    assert len(used) == 1


@pytest.mark.slow
def test_a_client_that_does_not_take_its_answer_is_cut(listening, rankers):
    port = listening(rankers["bm25"], patience=0.3, topk_limit=200)
    body = b'{"queries": [%s], "topk": 100}' % b", ".join([b'"amber basin cedar delta"'] * 2000)
    request = HEAD + b"content-length: %d\r\n\r\n%s" % (len(body), body)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", port))
        deaf.sendall(request)
        time.sleep(2.5)
        received = bytearray()
        with suppress(ConnectionResetError):
            while part := deaf.recv(1 << 16):
                received += part
    assert len(received) < 20_000_000 < 2000 * 100 * 150  # bytes a document
