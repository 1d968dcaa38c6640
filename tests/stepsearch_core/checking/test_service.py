import socket

import pytest

from stepsearch_core.base.io import write_json
from stepsearch_core.checking import service as checks
from tests.services import BUSY, Service

SERVED = {"corpus": "served", "passages": 3, "index": "i", "method": "bm25"}


def remote(url):
    return (
        "retrieval.method=remote",
        f"retrieval.url={url}",
        "index.measured_methods=[remote]",
        "synthesize.sources=[remote]",
    )


def serves(path, body):
    return 200, {}, SERVED if path == "/fingerprint" else {"status": "ready"}


@pytest.fixture
def corpus(tmp_path):
    """`corpus(hash)`: a corpus that an earlier run has left."""

    def make(content):
        folder = tmp_path / "data" / "corpus"
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "manifest.json", {"hash": content, "rows": 3})

    return make


def findings(seen):
    return [line for line in seen.findings if "retrieval.url" in line]


@pytest.mark.slow
def test_a_service_that_is_ready_over_this_corpus(look, corpus):
    with Service(serves) as service:
        assert findings(look(*remote(service.url))) == []  # before there is a corpus
        corpus("served")
        assert findings(look(*remote(service.url))) == []
        assert findings(look(*remote(service.url), "--from", "train")) == []
        asked = [path for path, _ in service.asked]
        assert asked == ["/ready", "/fingerprint", "/retrieve"] * 2 + ["/ready", "/fingerprint"]


@pytest.mark.slow
def test_another_corpus(look, corpus):
    corpus("of this profile")
    with Service(serves) as service:
        seen = look(*remote(service.url), "--from", "synthesize")
        assert seen.status == 1
        (line,) = findings(seen)
        assert line.startswith(
            f"error: override retrieval.url={service.url}: retrieval.url: the service searches"
        )
        assert (
            "the corpus served, and data/corpus is of this profile: let `stepsearch serve-retriever`" in line
        )
        (line,) = findings(look(*remote(service.url)))  # the stage `corpus` may still make the right one
        assert line.startswith("warning: ")


@pytest.mark.slow
@pytest.mark.parametrize("answer", [BUSY, (404, {}, {"detail": "Not Found"}), (200, {}, b"<html>")])
def test_a_service_that_is_not_ready_or_none(look, monkeypatch, answer):
    monkeypatch.setattr(checks, "SECONDS", 0.2)
    with Service(lambda path, body: answer) as service:
        seen = look(*remote(service.url))
    (line,) = findings(seen)
    assert seen.status == 0
    assert line.startswith(f"warning: override retrieval.url={service.url}: retrieval.url: {service.url}")
    assert line.endswith("-> `stepsearch serve-retriever` where its index is, before a stage searches it")


def test_nobody_is_there(look, monkeypatch):
    monkeypatch.setattr(checks, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    seen = look(*remote(url))
    assert seen.status == 0
    assert "ConnectError" in findings(seen)[0]


def test_any_measured_method_may_be_what_is_served(look):
    with Service(serves) as service:
        seen = look(*remote(service.url)[:2], "index.measured_methods=[dense]", "synthesize.sources=[dense]")
    assert not [line for line in seen.findings if "index.measured_methods" in line]


def test_a_service_that_nobody_searches_is_not_asked(look):
    with Service(serves) as service:
        look(f"retrieval.url={service.url}")
        assert service.asked == []


@pytest.mark.slow
def test_searches_that_end_before_the_patience_with_their_service(look):
    with Service(serves) as service:
        for timeout, patience, told in ((5, 6, 1), (6, 6, 0), ("null", 6, 0)):
            limits = f"rollout.retrieval_timeout={timeout}", f"retrieval.patience={patience}"
            lines = [line for line in look(*remote(service.url), *limits).findings if "searches end" in line]
            assert len(lines) == told
    assert look("rollout.retrieval_timeout=5").findings == look().findings


@pytest.mark.slow
def test_more_documents_than_a_service_gives(look):
    refusal = {"error": "invalid_request", "message": "topk: 200 is above this server's limit, 100"}

    def limited(path, body):
        return (422, {}, refusal) if body and body["topk"] > 100 else serves(path, body)

    def told(seen):
        return [line for line in seen.findings if "--topk-limit" in line]

    with Service(limited) as service:
        assert told(look(*remote(service.url), "index.measured_depths=[2, 100]")) == []
        seen = look(*remote(service.url), "index.measured_depths=[200, 2]")
    assert seen.status == 0
    (line,) = told(seen)
    assert (
        "422 topk: 200 is above this server's limit, 100 -> start the service with --topk-limit 200" in line
    )
