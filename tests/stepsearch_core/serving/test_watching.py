from threading import Event

from fastapi import FastAPI
from fastapi.testclient import TestClient

from stepsearch_core.serving.metrics import Metrics
from stepsearch_core.serving.protocol import ErrorResponse
from stepsearch_core.serving.refusals import answer_refusals
from stepsearch_core.serving.watching import let_watch


def test_a_server_lives_on_while_it_is_no_longer_ready():
    app, draining = FastAPI(), Event()
    answer_refusals(app)
    let_watch(app, Metrics(), draining, ErrorResponse)
    client = TestClient(app)
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}
    draining.set()
    refused = client.get("/ready")
    assert refused.status_code == 503
    assert "the server is shutting down" in refused.text
    assert client.get("/health").status_code == 200
    page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert "stepsearch_requests" in page.text
