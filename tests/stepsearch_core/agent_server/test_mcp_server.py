"""The tool as the MCP SDK's own client calls it."""

import signal
import subprocess
import sys
from contextlib import nullcontext
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters

from stepsearch_core.agent_server.agent import Agent
from stepsearch_core.agent_server.mcp_server import create_mcp
from stepsearch_core.agent_server.metrics import AgentMetrics
from stepsearch_core.agent_server.settings import AgentSettings
from tests import tiny
from tests.stepsearch_core.agent_server.conftest import ANSWER, SEARCH, asking, metric
from tests.stepsearch_core.rollout.troubles import Failing, Gated


def call(server, *questions):
    """The tools, and the result of each call, one after the other; `server`: of a served agent, or where."""

    async def session():
        playing: Any = nullcontext()
        target = server
        if isinstance(server, Agent):
            playing, target = server, create_mcp(server, AgentSettings())
        async with playing, Client(target) as client:
            results = [
                await client.call_tool("search_and_answer", {"question": question}) for question in questions
            ]
            return (await client.list_tools()).tools, results

    return anyio.run(session)


def served(rollout, **settings):
    """An agent of a rollout, in this process."""
    return Agent(rollout, AgentSettings(**settings), AgentMetrics())


def text(result):
    return "".join(part.text for part in result.content)


def test_one_tool_answers_with_searches_and_passages(rollout):
    [tool], [result] = call(served(rollout([[SEARCH, ANSWER]])), tiny.ADA.question)
    assert tool.name == "search_and_answer"
    assert list(tool.input_schema["properties"]) == tool.input_schema["required"] == ["question"]
    assert tool.annotations.read_only_hint
    assert not result.is_error
    found = [passage.id for passage in tiny.PASSAGES[:2]]
    assert result.structured_content == {
        "answer": "oslo",
        "stop_reason": "answered",
        "searches": [{"query": "ada born", "passage_ids": found}],
        "unread_messages": 0,
        "passages": [
            {"id": passage.id, "title": "", "text": passage.text, "cut": False, "query": "ada born"}
            for passage in tiny.PASSAGES[:2]
        ],
    }


def test_no_answer_is_none_and_no_error(rollout):
    _, [result] = call(served(rollout([[SEARCH] * 3])), "where")
    assert not result.is_error
    assert result.structured_content["answer"] is None
    assert result.structured_content["stop_reason"] == "turn_limit"


def test_what_cannot_be_answered_is_an_error_that_says_why_and_the_next_question_is_answered(
    rollout, retriever
):
    failing = rollout([[SEARCH], [ANSWER]], Failing(retriever, first=1))
    _, results = call(served(failing), "where", " ", "oslo " * 200, "a" * 10_000, "where")
    assert [result.is_error for result in results] == [True, True, True, True, False]
    said = ("a search failed", "the question is empty", "there is room for 116", "10,000 characters")
    for result, why in zip(results, said, strict=False):
        assert why in text(result)


def test_a_question_that_takes_too_long_is_an_error(rollout, retriever):
    class Slow:
        def search(self, queries, k):
            anyio.run(anyio.sleep, 0.5)
            return retriever.search(queries, k)

    _, [result] = call(served(rollout([[SEARCH, ANSWER]], Slow()), timeout=0.1), "where")
    assert result.is_error
    assert "no answer within 0.1 s" in text(result)


def test_over_http_it_shares_port_and_slots_with_the_chat_service(listening, rollout):
    url = listening(rollout([[SEARCH, ANSWER]] * 2))
    [tool], [result] = call(f"{url}/mcp", tiny.ADA.question)
    assert tool.name == "search_and_answer"
    assert result.structured_content["answer"] == "oslo"
    assert httpx.post(f"{url}/v1/chat/completions", json=asking()).status_code == 200
    page = httpx.get(f"{url}/metrics").text
    assert metric(page, 'stepsearch_questions_total{stop_reason="answered"}') == 2


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_over_http_a_client_that_leaves_frees_its_slot(listening, rollout, retriever, caplog, mode):
    gated = Gated(retriever)
    url = listening(rollout([[SEARCH, ANSWER], [ANSWER]], gated, slots=1))

    async def leave():
        async with Client(f"{url}/mcp", mode=mode) as client, anyio.create_task_group() as calls:
            calls.start_soon(client.call_tool, "search_and_answer", {"question": "where"})
            assert await anyio.to_thread.run_sync(gated.asked.wait, 30)
            calls.cancel_scope.cancel()

    anyio.run(leave)
    assert httpx.post(f"{url}/v1/chat/completions", json=asking()).status_code == 200
    page = httpx.get(f"{url}/metrics").text
    assert metric(page, 'stepsearch_questions_total{stop_reason="given_up"}') == 1
    gated.gate.set()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_over_http_what_names_another_host_or_is_no_message_is_refused(listening, rollout):
    url = listening(rollout([]))
    headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    assert httpx.post(f"{url}/mcp", content=b"{}", headers={**headers, "host": "evil"}).status_code == 421
    for body in (b"", b"[", b"{}", b"null", b'{"jsonrpc": "2.0", "method": 1}', b"\xff", b"[" * 100_000):
        assert httpx.post(f"{url}/mcp", content=body, headers=headers).status_code == 400
    assert httpx.get(f"{url}/mcp", headers=headers).status_code == 405


def command_line(data):
    """What Python is given to serve a folder over standard input and output."""
    command = ["-m", "stepsearch_core.cli", "serve", "--mcp"]
    return [*command, "--data", str(data), "--params", str(data / "params.yaml")]


@pytest.mark.slow
def test_the_command_speaks_mcp_over_standard_input_and_output(data):
    environment = {"OMP_NUM_THREADS": "1"}  # a client passes on only what it is told to
    server = StdioServerParameters(command=sys.executable, args=command_line(data), env=environment)
    [tool], [result, again] = call(server, tiny.ADA.question, tiny.ADA.question)
    assert tool.name == "search_and_answer"
    assert not result.is_error
    assert result.structured_content == again.structured_content
    assert result.structured_content["stop_reason"] in ("answered", "turn_limit", "length_limit")


@pytest.mark.slow
def test_ctrl_c_ends_the_command_while_it_waits_for_its_client(data):
    command = [sys.executable, *command_line(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        server.stdin.flush()
        assert b'"id":1' in server.stdout.readline()
        server.send_signal(signal.SIGINT)
        try:
            assert server.wait(10) == 130
        finally:
            server.kill()
