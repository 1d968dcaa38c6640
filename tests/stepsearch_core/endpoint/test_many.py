import json
import threading

import pytest
from pydantic import BaseModel, ConfigDict

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.endpoint.endpoint import Endpoint, Reason
from stepsearch_core.endpoint.many import FIRST, Request, ask_all, estimate_all
from stepsearch_core.params import EndpointParams
from tests.endpoints import Chat


class Echo(BaseModel):
    model_config = ConfigDict(extra="forbid")
    said: str


def requests(*texts):
    return [Request("told", text, Echo, 10) for text in texts]


def endpoint(service, folder=None, concurrency=3):
    return Endpoint(EndpointParams(url=service.url, attempts=1, concurrency=concurrency), "m", folder)


def echo(messages):
    return json.dumps({"said": messages[1]["content"]})


@pytest.mark.slow
def test_replies_come_in_the_order_of_requests_and_equal_ones_are_asked_once():
    with Chat(echo) as service:
        texts = [f"t{number}" for number in range(20)]
        replies = ask_all(endpoint(service), requests(*texts, "t3", "t3"), "texts")
    assert [reply.said for reply in replies] == [*texts, "t3", "t3"]
    assert len(service.chats) == 20


def test_no_more_are_in_flight_than_may_be():
    running, most = 0, 0
    lock = threading.Lock()
    together = threading.Barrier(3, timeout=5)

    def reply(messages):
        nonlocal running, most
        with lock:
            running, most = running + 1, max(most, running + 1)
        together.wait()  # all three have come
        with lock:
            running -= 1
        return echo(messages)

    with Chat(reply) as service:
        ask_all(endpoint(service), requests(*map(str, range(9))), "texts")
    assert most == 3


def test_why_there_is_no_reply_stands_in_its_place():
    with Chat(lambda messages: "prose" if messages[1]["content"] == "b" else echo(messages)) as service:
        first, second, third = ask_all(endpoint(service), requests("a", "b", "c"), "texts")
    assert (first.said, second.reason, third.said) == ("a", Reason.MALFORMED, "c")


BUSY = (503, {}, {"error": {"message": "loading"}})


def test_silence_ends_the_work_soon():
    with Chat(lambda messages: BUSY) as service:
        problem = rf"asking for texts: none of the first {FIRST * 3} was answered: refused: .*503"
        with pytest.raises(ExplainedError, match=problem):
            ask_all(endpoint(service), requests(*map(str, range(100))), "texts")
    assert len(service.chats) < FIRST * 3 + 8


def test_a_few_may_be_refused_for_what_they_are():
    with Chat(lambda messages: BUSY) as service:
        replies = ask_all(endpoint(service), requests("a", "b"), "texts")
    assert [reply.reason for reply in replies] == [Reason.REFUSED] * 2


def test_a_service_that_is_gone_ends_even_a_little_work():
    with Chat(echo) as service:
        gone = endpoint(service)
    with pytest.raises(ExplainedError, match="none of the first 2 was answered: unreachable"):
        ask_all(gone, requests("a", "b"), "texts")


@pytest.mark.slow
def test_a_model_that_talks_nonsense_is_no_silence():
    with Chat(lambda messages: "prose") as service:
        replies = ask_all(endpoint(service), requests(*map(str, range(30))), "texts")
    assert [reply.reason for reply in replies] == [Reason.MALFORMED] * 30


def test_nothing_to_ask_asks_nothing():
    with Chat(echo) as service:
        assert ask_all(endpoint(service), [], "texts") == []
    assert service.chats == []


def test_an_estimate_counts_each_request_once_and_what_was_answered_apart(tmp_path):
    with Chat(echo) as service:
        asked = endpoint(service, tmp_path)
        ask_all(asked, requests("a"), "texts")
        usage = estimate_all(asked, requests("a", "b", "b", "c"))
    assert (usage.requests, usage.kept, usage.reply_tokens) == (2, 1, 20)
