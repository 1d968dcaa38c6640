import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import BaseModel, ConfigDict, Field

from stepsearch_core.endpoint.endpoint import Endpoint, EndpointError, Reason
from stepsearch_core.endpoint.usage import Usage
from stepsearch_core.params import EndpointParams
from tests.endpoints import JSON, Chat, completion
from tests.services import HTML, TROUBLES

BUSY = (429, {"Retry-After-Ms": "1"}, {"error": {"message": "busy"}})


class Number(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int = Field(ge=0, le=9)


def ask(service, folder=None, question="7?", attempts=1, timeout=5.0):
    params = EndpointParams(url=service.url, attempts=attempts, timeout=timeout)
    return Endpoint(params, "m", folder).ask("Answer.", question, Number, max_tokens=8).number


def reason_of(service, **how):
    with pytest.raises(EndpointError) as caught:
        ask(service, **how)
    return caught.value.reason, caught.value.problem


def test_what_is_asked_and_what_comes_back():
    with Chat(lambda messages: '{"number": 7}') as service:
        assert ask(service) == 7
    [(path, body)] = service.asked
    assert path == "/v1/chat/completions"
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0.0, 8)
    assert service.chats == [("Answer.", "7?")]
    assert body["response_format"]["json_schema"]["schema"]["properties"]["number"]["maximum"] == 9


def test_a_reply_is_kept_for_the_same_question_alone(tmp_path):
    with Chat(lambda messages: '{"number": 7}') as service:
        assert [ask(service, tmp_path) for _ in range(3)] == [7, 7, 7]
        assert ask(service, tmp_path, "8?") == 7
    assert [asked for _, asked in service.chats] == ["7?", "8?"]


def test_what_failed_is_asked_again(tmp_path):
    with Chat(lambda messages: '{"number": 7}', [completion("seven")]) as service:
        assert reason_of(service, folder=tmp_path)[0] is Reason.MALFORMED
        assert ask(service, tmp_path) == 7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reply", "reason", "problem"),
    [
        (completion("It is seven."), Reason.MALFORMED, "It is seven.: Invalid JSON"),
        (completion('{"number": 12}'), Reason.MALFORMED, "less than or equal to 9"),
        (completion('{"num', "length"), Reason.CUT_OFF, 'after 8 tokens: {"num'),
        (completion("", refusal="I cannot."), Reason.DECLINED, "I cannot."),
        (completion(None), Reason.DECLINED, "an empty reply"),
        *(
            ((200, JSON, body), Reason.MALFORMED, "no reply of this protocol")
            for body in (
                {"choices": []},
                {"choices": [None]},
                {"choices": "abc"},
                {"choices": {"a": 1}},
                {"choices": [{"message": "hey"}]},
                b"{half a bo",
            )
        ),
        ((401, {}, {"error": {"message": "no such key"}}), Reason.REFUSED, "401.*no such key"),
        ((404, {}, {"error": {"message": "no model m"}}), Reason.REFUSED, "404.*no model m"),
        ((500, {}, {"error": {"message": "broken"}}), Reason.REFUSED, "500.*broken"),
        (HTML, Reason.MALFORMED, "no reply of this protocol"),
    ],
)
def test_why_there_is_no_reply(reply, reason, problem):
    with Chat(lambda messages: reply) as service:
        found, said = reason_of(service)
    assert found is reason
    assert re.search(problem, said), said


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_trouble_of_a_service_is_anything_else(trouble):
    with Chat(lambda messages: '{"number": 7}', [TROUBLES[trouble]]) as service:
        assert reason_of(service)[0] in Reason


@pytest.mark.slow
def test_another_attempt_gets_over_trouble():
    with Chat(lambda messages: '{"number": 7}', [TROUBLES["reset"], TROUBLES["503"]]) as service:
        assert ask(service, attempts=3) == 7


def test_a_service_that_is_not_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = Chat(lambda messages: "", port=port)
    service.server_close()
    reason, problem = reason_of(service)
    assert reason is Reason.UNREACHABLE
    assert service.url in problem


def test_a_slow_service():
    def slow(messages):
        time.sleep(1.0)
        return '{"number": 7}'

    with Chat(slow) as service:
        started = time.perf_counter()
        assert reason_of(service, timeout=0.1)[0] is Reason.TIMEOUT
        assert time.perf_counter() - started < 1.0


def test_a_busy_service_is_asked_so_often():
    with Chat(lambda messages: '{"number": 7}', [BUSY, BUSY]) as service:
        assert ask(service, attempts=3) == 7
    with Chat(lambda messages: BUSY) as service:
        assert reason_of(service, attempts=2)[0] is Reason.REFUSED
        assert len(service.asked) == 2


@pytest.mark.slow
def test_threads_share_an_endpoint(tmp_path):
    with Chat(lambda messages: json.dumps({"number": int(messages[1]["content"])})) as service:
        endpoint = Endpoint(EndpointParams(url=service.url), "m", tmp_path)

        def number(asked):
            return endpoint.ask("Say it.", str(asked), Number, 8).number

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(number, [*range(10)] * 3)) == [*range(10)] * 3


def test_what_was_used_and_what_would_be(tmp_path):
    with Chat(lambda messages: '{"number": 7}', [completion("seven")]) as service:
        endpoint = Endpoint(EndpointParams(url=service.url, attempts=1), "m", tmp_path)
        asked = "Answer.", "7?", Number, 8
        schema = json.dumps(Number.model_json_schema())
        assert endpoint.estimate(*asked) == Usage(1, 0, len("Answer." + "7?" + schema) // 4, 8)
        assert endpoint.usage == Usage()
        with pytest.raises(EndpointError):
            endpoint.ask(*asked)
        assert endpoint.usage == Usage(1, 0, 30, 5)  # what is of no use has its price
        endpoint.ask(*asked)
        endpoint.ask(*asked)
        assert endpoint.usage == Usage(2, 1, 60, 10)
        assert endpoint.estimate(*asked) == Usage(kept=1)


def test_models():
    with Chat(lambda messages: "") as service:
        assert Endpoint(EndpointParams(url=service.url), "m").models() == ["m"]
    with (
        Chat(lambda messages: "", [HTML]) as service,
        pytest.raises(EndpointError, match="no reply of this protocol"),
    ):
        Endpoint(EndpointParams(url=service.url, attempts=1), "m").models()


def test_a_key_that_is_set_to_nothing_is_none(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "")
    with Chat(lambda messages: '{"number": 7}') as service:
        assert ask(service) == 7


def test_a_model_that_thinks_gets_tokens_on_top():
    with Chat(lambda messages: '{"number": 7}') as service:
        params = EndpointParams(url=service.url, reasoning_tokens=100)
        Endpoint(params, "m").ask("", "", Number, max_tokens=8)
    assert service.asked[0][1]["max_tokens"] == 108
