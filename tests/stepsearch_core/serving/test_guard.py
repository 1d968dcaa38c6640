import json
import socket
import time
from contextlib import suppress

import httpx
import pytest

from stepsearch_core.serving.settings import MAX_BODY_BYTES

HEAD = b"POST /retrieve HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
GOOD = {"queries": ["amber"]}


def raw(port, *parts, pause=0.0):
    """Send parts, and read all there is to read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_what_announces_too_much_is_refused_before_it_is_sent(listening, rankers):
    answer = raw(listening(rankers["bm25"]), HEAD + b"content-length: 100000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "body_too_large"


def test_what_announces_nothing_and_sends_too_much_is_refused_while_it_is_sent(listening, rankers):
    port = listening(rankers["bm25"])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        chunk, sent = b"%x\r\n%s\r\n" % (1 << 20, b"a" * (1 << 20)), 0
        with suppress(OSError):
            while sent < 100:
                connection.sendall(chunk)
                sent += 1
    assert MAX_BODY_BYTES >> 20 <= sent < 100
    assert httpx.post(f"http://127.0.0.1:{port}/retrieve", json=GOOD).status_code == 200


@pytest.mark.slow
def test_a_body_of_100_mb_is_refused_or_cut_and_others_are_served(listening, rankers):
    port = listening(rankers["bm25"])
    body = b'{"queries": ["' + b"a" * 100_000_000 + b'"]}'
    with suppress(httpx.TransportError):
        assert httpx.post(f"http://127.0.0.1:{port}/retrieve", content=body).status_code == 413
    assert httpx.post(f"http://127.0.0.1:{port}/retrieve", json=GOOD).status_code == 200


def test_a_body_that_does_not_arrive_is_408_while_others_are_served(listening, rankers):
    port = listening(rankers["bm25"], patience=0.3)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as hanging:
        hanging.sendall(HEAD + b'content-length: 30\r\n\r\n{"queries":')
        for _ in range(5):
            assert httpx.post(f"http://127.0.0.1:{port}/retrieve", json=GOOD).status_code == 200
        answer = b"".join(iter(lambda: hanging.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer


def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(listening, rankers, caplog):
    port = listening(rankers["bm25"])
    with socket.create_connection(("127.0.0.1", port)) as leaving:
        leaving.sendall(HEAD + b'content-length: 30\r\n\r\n{"queries":')
    assert httpx.post(f"http://127.0.0.1:{port}/retrieve", json=GOOD).status_code == 200
    assert not caplog.records


def test_what_the_application_did_not_foresee_is_503_and_logged(serve, rankers, corpus, monkeypatch, caplog):
    monkeypatch.setattr("stepsearch_core.serving.app.encode", lambda *arguments: 1 / 0)
    answer = serve(rankers["bm25"]).post("/retrieve", json=GOOD)
    assert (answer.status_code, answer.json()["error"]) == (503, "failed")
    assert "ZeroDivisionError" in caplog.text
