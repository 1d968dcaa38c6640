import threading

import pytest

from stepsearch_core.retrieval.cache import CachedRanker
from stepsearch_core.retrieval.retriever import RetrievalError


class Down:
    def rank(self, queries, k):
        raise RetrievalError("the disk is gone")


class Hanging:
    def __init__(self):
        self.begun, self.go = threading.Event(), threading.Event()

    def rank(self, queries, k):
        self.begun.set()
        self.go.wait(30)
        return [[] for _ in queries]


def test_a_search_that_fails_is_503_and_says_why(serve):
    answer = serve(Down()).post("/retrieve", json={"queries": ["a"]})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json() == {"error": "search_failed", "message": "the disk is gone"}


def test_a_search_that_takes_too_long_is_504(serve):
    ranker = Hanging()
    answer = serve(ranker, timeout=0.05).post("/retrieve", json={"queries": ["a"]})
    ranker.go.set()
    assert answer.status_code == 504
    assert answer.json() == {"error": "search_timeout", "message": "no result within 0.05 s"}


@pytest.mark.parametrize("method", ["bm25", "dense", "hybrid"])
def test_with_a_cache_answers_are_the_same_bytes_and_nothing_is_searched_twice(
    serve, rankers, tmp_path, method
):
    body = {
        "queries": ["amber basin", "none such", "amber basin", "cedar"],
        "topk": 5,
        "return_scores": True,
    }
    plain = serve(rankers[method]).post("/retrieve", json=body)
    first = serve(CachedRanker(rankers[method], tmp_path, "i", 1)).post("/retrieve", json=body)
    client = serve(CachedRanker(Down(), tmp_path, "i", 1))
    again = client.post("/retrieve", json=body)
    assert plain.content == first.content == again.content
    assert "stepsearch_cache_hits_total 4.0" in client.get("/metrics").text
    assert client.post("/retrieve", json={"queries": ["delta"]}).status_code == 503
    assert client.post("/retrieve", json={"queries": ["delta"]}).status_code == 503  # no failure is kept


def test_what_is_kept_is_answered_while_a_search_hangs(serve, rankers, tmp_path):
    CachedRanker(rankers["bm25"], tmp_path, "i", 1).rank(["amber"], 3)
    ranker = Hanging()
    client = serve(CachedRanker(ranker, tmp_path, "i", 1))
    blocked = threading.Thread(target=client.post, args=("/retrieve",), kwargs={"json": {"queries": ["b"]}})
    blocked.start()
    assert len(client.post("/retrieve", json={"queries": ["amber"]}).json()["result"][0]) == 3
    ranker.go.set()
    blocked.join()


def test_a_full_queue_is_429_and_says_when_to_come_again(serve):
    ranker = Hanging()
    client = serve(ranker, queue=1)
    body = {"json": {"queries": ["a"]}}
    asking = [threading.Thread(target=client.post, args=("/retrieve",), kwargs=body) for _ in range(2)]
    asking[0].start()
    assert ranker.begun.wait(30)
    asking[1].start()
    while "stepsearch_queue_queries 1.0" not in client.get("/metrics").text:
        pass
    refused = client.post("/retrieve", json={"queries": ["a"]})
    ranker.go.set()
    for thread in asking:
        thread.join()
    assert (refused.status_code, refused.json()["error"]) == (429, "busy")
    assert refused.headers["retry-after"] == "1"
    assert client.post("/retrieve", json={"queries": ["a"]}).status_code == 200
