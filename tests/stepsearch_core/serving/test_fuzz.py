"""Requests of any kind, made from the OpenAPI document and from nothing, to a server on a port. Whatever
they are, the answer is one that the document promises, and the server goes on.
"""

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

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
TEXT = st.text(st.characters(exclude_categories=()))
LIKELY = st.fixed_dictionaries(
    {"queries": st.lists(TEXT | st.integers() | st.none())},
    optional={"topk": st.integers() | st.floats() | TEXT, "return_scores": st.booleans() | TEXT},
)
BODIES = st.binary() | st.recursive(LIKELY | st.none() | TEXT, lambda inner: st.lists(inner)).map(
    lambda value: repr(value).replace("'", '"').encode("utf-8", "surrogatepass")
)
TYPES = st.sampled_from(["application/json", "application/json; charset=latin-1", "text/plain", "", "x"])


def fuzz(port, examples):
    """A third of the requests go by the document or against it, others are any JSON, or bytes below HTTP."""
    url = f"http://127.0.0.1:{port}"
    operations = list(schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations())
    cases = [
        operation.ok().as_strategy(generation_mode=mode)
        for operation in operations
        for mode in GenerationMode
    ]
    own = settings(max_examples=examples // 3 + 1, suppress_health_check=list(HealthCheck))

    @own
    @given(st.one_of(cases))
    def by_the_document(case):
        case.call_and_validate(checks=CHECKS)

    @own
    @given(BODIES, TYPES)
    def by_nothing(body, kind):
        answer = client.post("/retrieve", content=body, headers={"content-type": kind})
        assert answer.status_code in (200, 400, 422), answer.text
        assert answer.status_code == 200 or set(answer.json()) == {"error", "message"}

    @own
    @given(
        st.binary(), st.sampled_from([b"", b"POST /retrieve HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\n\r\n"])
    )
    def below_http(garbage, start):
        with socket.create_connection(("127.0.0.1", port)) as connection, suppress(OSError):
            connection.sendall(start + garbage)

    with httpx.Client(base_url=url) as client:
        by_nothing()
    below_http()
    by_the_document()
    assert httpx.get(f"{url}/ready").status_code == 200
    return httpx.get(f"{url}/metrics").text


@pytest.mark.slow
def test_no_request_ends_in_a_500_or_a_crash(listening, rankers, caplog):
    assert 'status="5' not in fuzz(listening(rankers["hybrid"]), 200)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.nightly
def test_none_of_10_000_requests_does(listening, rankers, caplog):
    assert 'status="5' not in fuzz(listening(rankers["hybrid"]), 10_000)
    assert not [record for record in caplog.records if record.exc_info]
