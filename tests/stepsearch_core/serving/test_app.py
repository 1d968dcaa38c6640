import asyncio
import json
import signal

import httpx
import pytest

from stepsearch_core.retrieval.fingerprint import INDEX_HEADER
from stepsearch_core.retrieval.retriever import CorpusRetriever
from stepsearch_core.serving.app import create_app
from stepsearch_core.serving.settings import ServingSettings
from tests.stepsearch_core.serving.conftest import QUERIES, SEARCHED


def search_r1_batch_search(client, queries, topk):
    """`generation.py` of Search-R1: what its trainer asks and does with the answer."""
    payload = {"queries": queries, "topk": topk, "return_scores": True}
    texts = []
    for found in client.post("/retrieve", json=payload).json()["result"]:
        text = ""
        for number, item in enumerate(found):
            content = item["document"]["contents"]
            title, body = content.split("\n")[0], "\n".join(content.split("\n")[1:])
            text += f"Doc {number + 1}(Title: {title}) {body}\n"
        texts.append(text)
    return texts


@pytest.mark.parametrize("method", ["bm25", "dense", "hybrid"])
def test_served_hits_are_those_of_the_retriever_in_process_to_the_last_bit(serve, rankers, corpus, method):
    client = serve(rankers[method])
    queries = QUERIES[:8]
    answer = client.post("/retrieve", json={"queries": queries, "topk": 5, "return_scores": True}).json()
    expected = CorpusRetriever(rankers[method], corpus).search(queries, 5)
    found = [[(hit["document"]["id"], hit["score"]) for hit in hits] for hits in answer["result"]]
    assert found == [[(hit.passage.id, hit.score) for hit in hits] for hits in expected]
    document, passage = answer["result"][0][0]["document"], expected[0][0].passage
    assert document == {
        "id": passage.id,
        "title": passage.title,
        "text": passage.text,
        "contents": f'"{passage.title}"\n{passage.text}',
    }


def test_search_r1_s_trainer_reads_passages(serve, rankers):
    assert search_r1_batch_search(serve(rankers["bm25"]), ["amber basin", "nothing such"], 1) == [
        'Doc 1(Title: "amber basin") The amber lies by the basin.\n',
        "",
    ]


def test_without_scores_documents_stand_alone_and_topk_is_the_server_s(serve, rankers):
    client = serve(rankers["bm25"], topk=2)
    for body in (
        {"queries": ["amber"]},
        {"queries": ["amber"], "topk": None},
        {"queries": ["amber"], "topk": 0},
    ):
        [documents] = client.post("/retrieve", json=body).json()["result"]
        assert len(documents) == 2
        assert set(documents[0]) == {"id", "title", "text", "contents"}


def test_ragen_s_client_reads_passages(serve, rankers):
    """`retrieval_client.py` of RAGEN: one query, and another shape of answer."""
    client = serve(rankers["bm25"])
    answer = client.post("/retrieve", json={"query": "amber basin", "top_k": 2})
    first, second = answer.json()["results"]
    assert first["content"] == "amber basin\nThe amber lies by the basin."
    assert first["score"] > second["score"] > 0
    assert len(client.post("/retrieve", json={"query": "amber"}).json()["results"]) == 3
    assert client.post("/retrieve", json={"query": "none such"}).json() == {"results": []}


def test_no_queries_find_nothing(serve, rankers):
    assert serve(rankers["bm25"]).post("/retrieve", json={"queries": []}).json() == {"result": []}


@pytest.mark.parametrize("query", ["", "\0", "amber\0basin", "\n", "a" * 8192])
def test_odd_queries_are_searched(serve, rankers, query):
    assert serve(rankers["bm25"]).post("/retrieve", json={"queries": [query]}).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status", "word", "said"),
    [
        (b"", 422, "invalid_request", "body: "),
        (b'{"queries": ["a"', 400, "not_json", "at byte 16"),
        (b'{"queries": ["\xff"]}', 400, "bad_request", "pars"),
        (b'{"queries": ["\x00"]}', 400, "not_json", "control character"),
        (b'{"queries": ["\\ud800"]}', 422, "invalid_request", "queries.0: "),
        (b"[" * 100_000, 400, "bad_request", "pars"),
        (b"[]", 422, "invalid_request", "body: "),
        (b'{"queries": "amber"}', 422, "invalid_request", "queries: "),
        (b'{"query": 1}', 422, "invalid_request", "query: "),
        (b'{"query": "a", "top_k": 101}', 422, "invalid_request", "topk: 101 is above"),
        (b'{"queries": [1]}', 422, "invalid_request", "queries.0: "),
        (b'{"queries": [null]}', 422, "invalid_request", "queries.0: "),
        (
            b'{"queries": ["a"], "topk": true}',
            422,
            "invalid_request",
            "topk: Value error, true and false are no",
        ),
        (b'{"query": "a", "top_k": false}', 422, "invalid_request", "top_k: Value error, true and"),
        (b'{"queries": ["a"], "topk": "many"}', 422, "invalid_request", "topk: "),
        (b'{"queries": ["a"], "topk": -1}', 422, "invalid_request", "topk: "),
        (b'{"queries": ["a"], "topk": 1000000000}', 422, "invalid_request", "topk: 1000000000 is above"),
        (b'{"queries": ["a"], "topk": 1' + b"0" * 5000 + b"}", 400, "bad_request", "pars"),
        (b'{"queries": ["a"], "topk": NaN}', 422, "invalid_request", "topk: "),
        (b'{"queries": ["a"], "return_scores": "perhaps"}', 422, "invalid_request", "return_scores: "),
        (json.dumps({"queries": ["a" * 2**20]}).encode(), 422, "invalid_request", "queries.0: "),
        (json.dumps({"queries": ["a"] * 5000}).encode(), 422, "invalid_request", "queries: "),
    ],
)
def test_what_is_no_request_is_refused_with_one_line_that_says_why(serve, rankers, body, status, word, said):
    answer = serve(rankers["bm25"]).post(
        "/retrieve", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == status
    assert answer.json()["error"] == word
    assert said in answer.json()["message"]
    assert b"\n" not in answer.content


def test_a_request_larger_than_the_queue_can_never_wait_its_turn(serve, rankers):
    answer = serve(rankers["bm25"], queue=4).post("/retrieve", json={"queries": ["a"] * 5})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_request")


def test_other_paths_and_methods_are_refused_alike(serve, rankers):
    client = serve(rankers["bm25"])
    assert client.get("/retrieve").json()["error"] == "method_not_allowed"
    assert client.get("/docs").json() == {"error": "not_found", "message": "Not Found"}


def test_fingerprint_health_and_readiness(serve, rankers):
    client = serve(rankers["bm25"])
    expected = {"corpus": "c0", "passages": 1, "index": "i0", "method": "bm25"}
    assert client.get("/fingerprint").json() == expected
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_answers_say_which_index_was_searched(serve, rankers):
    answer = serve(rankers["bm25"]).post("/retrieve", json={"queries": ["amber"]})
    assert answer.headers[INDEX_HEADER] == SEARCHED.index


def test_metrics_count_requests_by_status_and_say_how_large_batches_were(serve, rankers):
    client = serve(rankers["bm25"])
    client.post("/retrieve", json={"queries": ["amber", "basin"]})
    client.post("/retrieve", json={"queries": 1})
    page = client.get("/metrics").text
    assert 'stepsearch_requests_total{status="200"} 1.0' in page
    assert 'stepsearch_requests_total{status="422"} 1.0' in page
    assert "stepsearch_request_seconds_count 2.0" in page
    assert "stepsearch_batch_queries_sum 2.0" in page
    assert "stepsearch_cache_misses_total 2.0" in page
    assert "stepsearch_queue_queries 0.0" in page


def test_answers_say_how_long_the_handler_took(serve, rankers):
    answer = serve(rankers["bm25"]).post("/retrieve", json={"queries": ["amber"]})
    name, _, milliseconds = answer.headers["server-timing"].partition(";dur=")
    assert name == "handler"
    assert 0 < float(milliseconds) < 10_000


def test_a_server_that_is_asked_to_end_is_alive_and_not_ready(rankers, corpus):
    app = create_app(rankers["bm25"], corpus, SEARCHED, ServingSettings())
    told = []

    async def states():
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            before = await client.get("/ready")
            signal.raise_signal(signal.SIGTERM)
            held = await client.post("/retrieve", json={"queries": ["amber"]})
            return before, await client.get("/ready"), await client.get("/health"), held

    handler = signal.signal(signal.SIGTERM, lambda *_: told.append("uvicorn's own handler"))
    try:
        before, ready, health, held = asyncio.run(states())
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert (before.status_code, ready.status_code, health.status_code) == (200, 503, 200)
    assert ready.json()["error"] == "draining"
    assert held.status_code == 200
    assert told == ["uvicorn's own handler"]
