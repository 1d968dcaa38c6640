"""Requests of any kind to a server on a port, made from the OpenAPI document and from nothing. Whatever they
are, the answer is one that the document promises, none is a 500, and all slots are free at the end.
"""

import json
import socket
from contextlib import suppress

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from stepsearch_core.agent_server.protocol import ONLY
from tests.stepsearch_core.agent_server.conftest import asking, metric, until

PATH = "/v1/chat/completions"
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
TEXT = st.text(st.characters(exclude_categories=()))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=5,
)
CONTENT = TEXT | ANYTHING | st.lists(st.fixed_dictionaries({"type": st.just("text") | TEXT, "text": TEXT}))
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "system", ""]), "content": CONTENT})
)
NEAR = st.fixed_dictionaries(
    {"model": st.just("stepsearch") | ANYTHING, "messages": MESSAGES | ANYTHING},
    optional={
        "stream": st.booleans() | ANYTHING,
        "temperature": st.floats(0, 2) | ANYTHING,
        "seed": st.integers() | ANYTHING,
        "max_tokens": st.integers() | ANYTHING,
        "stream_options": st.fixed_dictionaries({"include_usage": st.booleans()}) | ANYTHING,
    },
)
ODD = st.builds(
    lambda value, field, odd: {**value, field: odd}, NEAR, st.sampled_from([*ONLY, "user", "x"]), ANYTHING
)
CALL = st.fixed_dictionaries(
    {
        "jsonrpc": st.just("2.0"),
        "id": st.integers() | TEXT,
        "method": st.sampled_from(["tools/call", "tools/list", "ping", "initialize"]) | TEXT,
        "params": st.fixed_dictionaries(
            {
                "name": st.just("search_and_answer") | TEXT,
                "arguments": st.fixed_dictionaries({"question": TEXT}) | ANYTHING,
            }
        )
        | ANYTHING,
    }
)
GOOD = st.builds(
    asking,
    st.text(min_size=1),
    stream=st.booleans(),
    temperature=st.floats(0, 2),
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
    max_tokens=st.none() | st.integers(1, 100),
)


def encoded(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def fuzz(url, examples):
    """Half are near to good requests, a quarter are good and left early by their client; an eighth each goes
    by the document or against it, and over MCP; some more are bytes below HTTP.
    """
    loaded = schemathesis.openapi.from_url(f"{url}/openapi.json")
    cases = [
        operation.ok().as_strategy(generation_mode=mode)
        for operation in loaded.get_all_operations()
        for mode in GenerationMode
    ]

    def part(of):
        return settings(max_examples=examples // of + 1, suppress_health_check=list(HealthCheck))

    host, port = url.removeprefix("http://").split(":")

    @part(8)
    @given(st.one_of(cases))
    def by_the_document(case):
        case.call_and_validate(checks=CHECKS)

    @part(2)
    @given(st.binary() | (ODD | ANYTHING).map(encoded))
    def near_it(body):
        answer = client.post(PATH, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (200, 400, 404), answer.text
        if answer.status_code != 200:
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}

    @part(8)
    @given(st.binary() | (CALL | ANYTHING).map(encoded))
    def over_mcp(body):
        accepted = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        answer = client.post("/mcp", content=body, headers=accepted)
        assert answer.status_code < 500, answer.text

    @part(4)
    @given(GOOD, st.integers(0, 400))
    def left_early(value, read):
        body = json.dumps(value).encode()
        lines = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json"
        with socket.create_connection((host, int(port))) as connection, suppress(OSError):
            connection.sendall(f"{lines}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            if read:
                connection.recv(read)

    @part(16)
    @given(st.binary(), st.sampled_from([b"", f"POST {PATH} HTTP/1.1\r\n".encode()]))
    def below_http(garbage, start):
        with socket.create_connection((host, int(port))) as connection, suppress(OSError):
            connection.sendall(start + garbage)

    with httpx.Client(base_url=url, timeout=60) as client:
        near_it()
        over_mcp()
    left_early()
    below_http()
    by_the_document()


def check(url, examples, caplog):
    fuzz(url, examples)

    def page():
        return httpx.get(f"{url}/metrics").text

    until(
        lambda: metric(page(), "stepsearch_slots_taken") == metric(page(), "stepsearch_queue_questions") == 0
    )
    assert 'status="5' not in page()
    assert 'stop_reason="engine_failed"' not in page()
    assert httpx.post(f"{url}{PATH}", json=asking(), timeout=60).status_code == 200
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.slow
def test_no_request_ends_in_a_500_or_keeps_a_slot(listening, trained, caplog):
    check(listening(trained), 1_000, caplog)


@pytest.mark.nightly
def test_none_of_10_000_requests_does(listening, trained, caplog):
    check(listening(trained), 10_000, caplog)
