"""The chat endpoint as OpenAI's own client drives it, and what it says where that one would not go."""

import asyncio
import json
import socket
import threading

import httpx
import openai
import pytest

from stepsearch_core.retrieval.retriever import RetrievalError
from tests import tiny
from tests.stepsearch_core.agent_server.conftest import ANSWER, SEARCH, asking, metric, until
from tests.stepsearch_core.rollout.troubles import Breaking, Gated

PATH = "/v1/chat/completions"
ASKED = {"model": "stepsearch", "messages": [{"role": "user", "content": tiny.ADA.question}]}


@pytest.fixture
def client(listening):
    """A function that serves a rollout and gives OpenAI's client of it, which does not try again."""
    clients = []

    def start(rollout, **settings):
        url = listening(rollout, **settings)
        clients.append(openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=30))
        return clients[-1]

    yield start
    for one in clients:
        one.close()


def test_openai_s_client_gets_an_answer_with_its_passages(client, rollout):
    answer = client(rollout([[SEARCH, ANSWER]])).chat.completions.create(**ASKED)
    [choice] = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("oslo", "stop")
    assert choice.message.reasoning_content == (
        f"thought: the birthplace\nsearch: ada born\n  found: {tiny.TEXTS[0]} ...; {tiny.TEXTS[1]} ...\n"
        "thought: that is it\n"
    )
    first = choice.message.annotations[0]
    assert (first.type, first.url_citation.url) == ("url_citation", f"passage:{tiny.PASSAGES[0].id}")
    assert choice.message.content[first.url_citation.start_index : first.url_citation.end_index] == "oslo"
    assert first.passage == {
        "id": tiny.PASSAGES[0].id,
        "title": "",
        "text": tiny.TEXTS[0],
        "cut": False,
        "query": "ada born",
    }
    assert answer.stepsearch["stop_reason"] == "answered"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_openai_s_client_gets_the_same_in_a_stream_turn_by_turn(client, rollout):
    asked = client(rollout([[SEARCH, ANSWER]] * 2)).chat.completions
    whole = asked.create(**ASKED)
    chunks = list(asked.create(**ASKED, stream=True, stream_options={"include_usage": True}))
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    deltas = [chunk.choices[0].delta.model_dump() for chunk in chunks[:-1]]
    message = whole.choices[0].message
    for field in ("content", "reasoning_content"):
        assert "".join(delta.get(field) or "" for delta in deltas) == getattr(message, field)
    cited = [one["passage"] for delta in deltas for one in delta.get("annotations", ())]
    assert cited == [one.passage for one in message.annotations]
    reasons = [chunk.choices[0].finish_reason for chunk in chunks[:-1]]
    assert reasons == [*[None] * (len(reasons) - 1), "stop"]
    assert chunks[-2].stepsearch == whole.stepsearch
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)


def test_a_turn_is_streamed_while_the_next_is_under_way(listening, rollout, retriever):
    gated = Gated(retriever)
    url = listening(rollout([["nonsense", SEARCH, ANSWER]], gated))
    with httpx.stream("POST", f"{url}{PATH}", json=asking(stream=True)) as stream:
        lines = stream.iter_lines()
        assert "invalid" in next(line for line in lines if "reasoning_content" in line)
        assert gated.asked.wait(30)
        gated.gate.set()
        assert '"content": "oslo"' in "".join(lines)


def test_an_episode_without_an_answer_says_why_it_ended(client, rollout):
    answer = client(rollout([[SEARCH] * 3])).chat.completions.create(**ASKED)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("", "length")
    assert answer.stepsearch["stop_reason"] == "turn_limit"


def test_one_model_is_served_and_others_are_not_found(client, rollout):
    served = client(rollout([]), name="ours")
    assert [model.id for model in served.models.list()] == ["ours"]
    assert served.models.retrieve("ours").owned_by == "stepsearch"
    with pytest.raises(openai.NotFoundError, match="there is no 'theirs'; this server has 'ours'"):
        served.models.retrieve("theirs")
    with pytest.raises(openai.NotFoundError) as refused:
        served.chat.completions.create(**ASKED)
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


@pytest.mark.slow
def test_a_seed_draws_the_same_and_another_one_others(client, trained):
    asked = client(trained).chat.completions
    [greedy, again] = [asked.create(**ASKED, temperature=0).choices[0] for _ in range(2)]
    assert greedy.message == again.message

    def drawn(seed):
        made = [asked.create(**ASKED, temperature=1.5, seed=seed + number) for number in range(5)]
        return [(one.choices[0].message.reasoning_content, one.usage.completion_tokens) for one in made]

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(5)


def test_a_limit_of_tokens_ends_an_answer(client, rollout):
    asked = client(rollout([[SEARCH, ANSWER]] * 2)).chat.completions
    answer = asked.create(**ASKED, max_tokens=3)
    assert answer.usage.completion_tokens == 3
    assert answer.choices[0].finish_reason == "length"
    assert asked.create(**ASKED, max_completion_tokens=10_000).choices[0].message.content == "oslo"


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        (b"", 400, "invalid_request", "body: "),
        (b"[]", 400, "invalid_request", "body: "),
        (b'{"model": "stepsearch"', 400, "not_json", "at byte"),
        (b'{"model": "stepsearch", "messages": []}', 400, "invalid_request", "messages: "),
        (json.dumps(asking("\ud800")).encode(), 400, "invalid_request", "messages.0.content"),
        (json.dumps(asking(temperature=float("nan"))).encode(), 400, "invalid_request", "temperature"),
        (json.dumps(asking(tools=[{}])).encode(), 400, "unsupported_parameter", "tools: not supported"),
        (json.dumps(asking(" ")).encode(), 400, "invalid_request", "messages: the last one is empty"),
        (
            json.dumps(asking("oslo " * 200)).encode(),
            400,
            "context_length_exceeded",
            "there is room for 116",
        ),
        (
            json.dumps(asking("a" * 1_000_000)).encode(),
            400,
            "context_length_exceeded",
            "1,000,000 characters",
        ),
        (b"[" * 100_000, 400, "bad_request", "pars"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_openai_s_shape(serve, rollout, body, status, code, said):
    served = serve(rollout([]))
    answer = served.post(PATH, content=body, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert said in error["message"]
    assert metric(served.get("/metrics").text, "stepsearch_slots_taken") == 0


def test_other_paths_and_methods_are_refused_alike(serve, rollout):
    served = serve(rollout([]))
    assert served.get(PATH).json()["error"]["code"] == "method_not_allowed"
    assert served.get("/v1/nothing").status_code == 404
    assert served.get("/health").json() == {"status": "alive"}
    assert served.get("/ready").json() == {"status": "ready"}


class Down:
    """A retriever that never answers."""

    def search(self, queries, k):
        """See `Retriever.search`."""
        raise RetrievalError("down")


def test_a_search_that_fails_is_503_and_in_a_stream_an_error_of_the_client(client, rollout):
    asked = client(rollout([[SEARCH]] * 2, Down())).chat.completions
    with pytest.raises(openai.InternalServerError) as failed:
        asked.create(**ASKED)
    assert (failed.value.status_code, failed.value.code) == (503, "retrieval_failed")
    with pytest.raises(openai.APIError, match="a search failed") as broken:
        list(asked.create(**ASKED, stream=True))
    assert broken.value.code == "retrieval_failed"


def test_an_engine_that_fails_is_503_and_the_next_question_is_answered(client, rollout):
    playing = rollout([[ANSWER]] * 2)
    playing.engine = Breaking(playing.engine, passes={1})
    asked = client(playing).chat.completions
    with pytest.raises(openai.InternalServerError) as failed:
        asked.create(**ASKED)
    assert failed.value.code == "engine_failed"
    assert asked.create(**ASKED).choices[0].message.content == "oslo"


@pytest.mark.slow
def test_what_takes_too_long_is_504_and_frees_its_slot(client, rollout, retriever):
    gated = Gated(retriever)
    served = client(rollout([[SEARCH], [SEARCH], [ANSWER]], gated, slots=1), timeout=0.2)
    with pytest.raises(openai.InternalServerError) as failed:
        served.chat.completions.create(**ASKED)
    assert (failed.value.status_code, failed.value.code) == (504, "timeout")
    with pytest.raises(openai.APIError, match=r"no answer within 0\.2 s"):
        list(served.chat.completions.create(**ASKED, stream=True))
    assert served.chat.completions.create(**ASKED).choices[0].message.content == "oslo"
    gated.gate.set()


def test_a_full_queue_is_429_and_says_when_to_come_again(listening, rollout, retriever):
    gated = Gated(retriever)
    url = listening(rollout([[SEARCH, ANSWER]] * 2, gated, slots=1), queue=1)
    made = []
    askers = [
        threading.Thread(target=lambda: made.append(httpx.post(f"{url}{PATH}", json=asking(), timeout=30)))
        for _ in range(2)
    ]
    askers[0].start()
    assert gated.asked.wait(30)
    askers[1].start()
    until(lambda: metric(httpx.get(f"{url}/metrics").text, "stepsearch_queue_questions") == 1)
    refused = httpx.post(f"{url}{PATH}", json=asking())
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    gated.gate.set()
    for asker in askers:
        asker.join(30)
    assert [answer.status_code for answer in made] == [200, 200]


def head(body):
    return (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_leaves_frees_its_slot(listening, rollout, retriever, caplog, streamed):
    gated = Gated(retriever)
    url = listening(rollout([[SEARCH, ANSWER], [ANSWER]], gated, slots=1))
    body = json.dumps(asking(stream=streamed)).encode()
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as leaving:
        leaving.sendall(head(body) + body)
        assert gated.asked.wait(30)
        if streamed:
            assert leaving.recv(15) == b"HTTP/1.1 200 OK"
    assert httpx.post(f"{url}{PATH}", json=asking()).json()["choices"][0]["message"]["content"] == "oslo"
    page = httpx.get(f"{url}/metrics").text
    assert metric(page, 'stepsearch_questions_total{stop_reason="given_up"}') == 1
    assert metric(page, "stepsearch_slots_taken") == metric(page, "stepsearch_queue_questions") == 0
    gated.gate.set()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.slow
def test_many_at_once_get_what_each_gets_alone(listening, trained):
    url = listening(trained)
    questions = [f"where lies the birthplace of {name}" for name in ("ada", "bob", "cid", "dora")] * 6

    async def ask(client, question):
        answer = await client.post(f"{url}{PATH}", json=asking(question))
        return answer.json()["choices"][0]["message"]

    async def all_at_once():
        async with httpx.AsyncClient(timeout=60) as client:
            return await asyncio.gather(*(ask(client, question) for question in questions))

    alone = {
        question: httpx.post(f"{url}{PATH}", json=asking(question)).json()["choices"][0]["message"]
        for question in questions[:4]
    }
    assert asyncio.run(all_at_once()) == [alone[question] for question in questions]


def test_a_body_that_does_not_arrive_is_408_in_openai_s_shape(listening, rollout):
    url = listening(rollout([]), patience=0.2)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as hanging:
        hanging.sendall(head(b" " * 30) + b"{")
        answer = b"".join(iter(lambda: hanging.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"
