import socket
import threading
import time

import httpx
import pytest

from stepsearch_core.retrieval import service_client
from stepsearch_core.retrieval.retriever import (
    FinalRetrievalError,
    RetrievalTimeoutError,
    RetrievalUnavailableError,
)
from stepsearch_core.retrieval.service_client import ServiceClient
from tests.services import BUSY, TROUBLES, Service, is_silent

PATIENCE = 20.0
"""Seconds that no test waits for."""


def echo(path, body):
    return 200, {}, {"result": body}


def result(response: httpx.Response):
    return response.json()["result"]


def test_a_request_is_answered_over_a_connection_that_stays():
    with Service(echo) as service:
        client = ServiceClient(service.url + "/", PATIENCE)
        assert client.ask("/get", result) is None
        assert client.ask("/post", result, {"queries": ["é\n../"]}) == {"queries": ["é\n../"]}
        assert service.asked == [("/get", None), ("/post", {"queries": ["é\n../"]})]
        assert len(service.connections) == 1


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_what_may_be_otherwise_in_a_moment_is_asked_again(trouble):
    with Service(echo, [trouble, trouble]) as service:
        assert ServiceClient(service.url, PATIENCE).ask("/a", result, 7) == 7
        assert service.asked == [("/a", 7)] * 3


@pytest.mark.parametrize("status", [302, 400, 404, 413, 422])
def test_a_refusal_is_final_and_opens_nothing(status):
    with Service(echo, [(status, {}, {"error": "topk is not at most 1000"})]) as service:
        client = ServiceClient(service.url, PATIENCE)
        with pytest.raises(
            FinalRetrievalError, match=rf"{service.url}/a refuses: {status} topk is not"
        ) as refused:
            client.ask("/a", result, 7)
        assert not isinstance(refused.value, RetrievalUnavailableError)
        assert client.ask("/a", result, 8) == 8
        assert len(service.asked) == 2


def test_a_refusals_sentence_for_people_is_shown():
    told = 422, {}, {"error": "invalid_request", "message": "topk: 999 is above this server's limit"}
    with (
        Service(echo, [told]) as service,
        pytest.raises(FinalRetrievalError, match="422 topk: 999 is above"),
    ):
        ServiceClient(service.url, PATIENCE).ask("/a", result)


def test_a_refusal_without_words_has_its_status():
    with (
        Service(echo, [(404, {}, b"<html>")]) as service,
        pytest.raises(FinalRetrievalError, match="404 Not Found"),
    ):
        ServiceClient(service.url, PATIENCE).ask("/a", result)


def test_https_where_nothing_is_encrypted_is_told_to_be_http():
    with Service(echo) as service, pytest.raises(RetrievalUnavailableError, match="is it http:// in place"):
        ServiceClient(service.url.replace("http", "https"), 0.1).ask("/a", result)


@pytest.mark.slow
def test_the_log_says_what_is_waited_for_once(caplog):
    with Service(echo, [BUSY] * 4) as service:
        assert ServiceClient(service.url, PATIENCE).ask("/a", result, 7) == 7
        assert ServiceClient(service.url, PATIENCE).ask("/a", result, 7) == 7
    told = [record.message for record in caplog.records if record.name == "retrieval"]
    assert told == [f"{service.url}: 503 loading; it is asked again for up to 20 s"]


def test_what_a_reader_refuses_is_final():
    def refuse(response):
        raise FinalRetrievalError("another index")

    with Service(echo) as service, pytest.raises(FinalRetrievalError, match="another index"):
        ServiceClient(service.url, PATIENCE).ask("/a", refuse)
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_no_attempt_before_the_time_that_the_service_asks_for(status):
    later = status, {"Retry-After": "21"}, {"error": "later"}
    with Service(echo, [later]) as service:
        started = time.monotonic()
        with pytest.raises(RetrievalUnavailableError, match=rf"in vain for 20 s: {status} later"):
            ServiceClient(service.url, PATIENCE).ask("/a", result)
        assert time.monotonic() - started < 10  # it would have been too late: nobody waits for it
        assert len(service.asked) == 1


@pytest.mark.slow
def test_the_wait_that_the_service_asks_for():
    with Service(echo, [(503, {"Retry-After": "1"}, b"")]) as service:
        started = time.monotonic()
        assert ServiceClient(service.url, PATIENCE).ask("/a", result, 7) == 7
        assert time.monotonic() - started >= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "garbage", ["", "-1", "soon", "1e9", "inf", "Sun, 29 Nov 2026 20:00:00 GMT", "9" * 10]
)
def test_a_wait_that_is_no_number_of_seconds_counts_as_none(garbage):
    with Service(echo, [(503, {"Retry-After": garbage}, b"")]) as service:
        assert ServiceClient(service.url, PATIENCE).ask("/a", result, 7) == 7


@pytest.mark.slow
def test_a_service_that_comes_back_in_time_costs_nothing():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    later = Service(echo, port=port)
    later.socket.close()  # nobody listens
    client = ServiceClient(f"http://127.0.0.1:{port}", PATIENCE)
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(client.ask("/a", result, 7)))
    asking.start()
    time.sleep(0.2)
    assert asking.is_alive()
    with Service(echo, port=port):
        asking.join(PATIENCE)
    assert answers == [7]


@pytest.mark.slow
def test_silence_ends_within_the_patience_and_half_of_it_is_an_attempt():
    with Service(echo, [is_silent] * 9) as service:
        started = time.monotonic()
        with pytest.raises(RetrievalTimeoutError, match="ReadTimeout"):
            ServiceClient(service.url, 0.4).ask("/a", result)
        assert 0.3 < time.monotonic() - started < 5
        assert len(service.asked) == 2


@pytest.mark.slow
def test_after_a_failure_all_fail_at_once_until_a_probe_succeeds(monkeypatch):
    monkeypatch.setattr(service_client, "PROBE_AFTER", 0.3)
    with Service(lambda path, body: BUSY) as service:
        client = ServiceClient(service.url, 0.2)
        with pytest.raises(RetrievalUnavailableError, match=r"in vain for 0\.2 s: 503 loading"):
            client.ask("/a", result)
        tried = len(service.asked)
        assert tried > 1
        for _ in range(5):
            with pytest.raises(
                RetrievalUnavailableError, match=r"asked in vain for .*; it is asked again in 1 s$"
            ):
                client.ask("/a", result)
        assert len(service.asked) == tried
        time.sleep(0.3)
        with pytest.raises(RetrievalUnavailableError, match="in vain for 0 s: 503 loading"):
            client.ask("/a", result)
        assert len(service.asked) == tried + 1  # the probe
        service.answer = echo
        with pytest.raises(RetrievalUnavailableError, match="asked again"):
            client.ask("/a", result)
        time.sleep(0.3)
        assert client.ask("/a", result, 7) == 7  # a probe that succeeds
        service.script = [BUSY]
        assert client.ask("/a", result, 7) == 7  # with patience again


def test_requests_of_several_threads_are_under_way_at_once():
    together = threading.Barrier(4, timeout=10)

    def answer(path, body):
        together.wait()
        return echo(path, body)

    with Service(answer) as service:
        client, answers = ServiceClient(service.url, PATIENCE), []
        threads = [
            threading.Thread(target=lambda n=n: answers.append(client.ask("/a", result, n)))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert sorted(answers) == [0, 1, 2, 3]
