import asyncio
import threading

import pytest

from stepsearch_core.retrieval.retriever import RetrievalError
from stepsearch_core.serving.batching import Batcher
from stepsearch_core.serving.metrics import Metrics
from stepsearch_core.serving.refusals import RefusalError
from tests.stepsearch_core.serving.conftest import QUERIES


class Slow:
    """A ranker that goes on when it is told to, and remembers what it was asked."""

    def __init__(self, poison=None):
        self.calls = []
        self.go = threading.Event()
        self.poison = poison

    def rank(self, queries, k):
        self.calls.append((list(queries), k))
        assert self.go.wait(30)
        if self.poison in queries:
            raise ValueError("poisoned")
        return [[(len(query), 1.0)] for query in queries]


def run(ranker, main, max_batch=4, max_waiting=16):
    async def with_batcher():
        batcher = Batcher(ranker, max_batch, max_waiting, Metrics())
        searching = asyncio.create_task(batcher.run())
        try:
            return await asyncio.wait_for(main(batcher), 30)
        finally:
            searching.cancel()

    return asyncio.run(with_batcher())


async def begun(ranker, calls=1):
    while len(ranker.calls) < calls:
        await asyncio.sleep(0.001)


def test_what_piles_up_is_searched_together_up_to_the_limit_each_query_once_and_nobody_waits_for_a_batch():
    ranker = Slow()

    async def main(batcher):
        first = asyncio.create_task(batcher.rank(["a"], 3))
        await begun(ranker)
        others = [
            asyncio.create_task(batcher.rank([query], 3)) for query in ("bb", "ccc", "bb", "d", "eeeee")
        ]
        await asyncio.sleep(0)
        ranker.go.set()
        return [await task for task in (first, *others)]

    found = run(ranker, main)
    assert [ranking[0][0] for [ranking] in found] == [1, 2, 3, 2, 1, 5]
    assert ranker.calls == [(["a"], 3), (["bb", "ccc", "d"], 3), (["eeeee"], 3)]


def test_queries_of_another_k_make_a_batch_of_their_own():
    ranker = Slow()

    async def main(batcher):
        first = asyncio.create_task(batcher.rank(["a"], 3))
        await begun(ranker)
        others = [
            asyncio.create_task(batcher.rank([query], k)) for query, k in (("b", 3), ("c", 5), ("d", 3))
        ]
        await asyncio.sleep(0)
        ranker.go.set()
        await asyncio.gather(first, *others)

    run(ranker, main)
    assert ranker.calls == [(["a"], 3), (["b", "d"], 3), (["c"], 5)]


def test_a_full_queue_refuses_whole_requests_and_whoever_gave_up_leaves_it():
    ranker = Slow()

    async def main(batcher):
        first = asyncio.create_task(batcher.rank(["a"], 3))
        await begun(ranker)
        waiting = asyncio.create_task(batcher.rank(["b"] * 15, 3))
        await asyncio.sleep(0)
        with pytest.raises(RefusalError) as refused:
            await batcher.rank(["c", "c"], 3)
        assert (refused.value.status, refused.value.retry_after) == (429, 1)
        waiting.cancel()
        await asyncio.sleep(0)
        ranker.go.set()
        await first
        await asyncio.sleep(0.01)
        assert await batcher.rank(["c"] * 16, 3)

    run(ranker, main)
    assert ["b"] not in [queries for queries, _ in ranker.calls]


def test_one_query_that_fails_fails_alone():
    ranker = Slow(poison="b")

    async def main(batcher):
        first = asyncio.create_task(batcher.rank(["a"], 3))
        await begun(ranker)
        others = [asyncio.create_task(batcher.rank([query], 3)) for query in "bcd"]
        await asyncio.sleep(0)
        ranker.go.set()
        await first
        return await asyncio.gather(*others, return_exceptions=True)

    failed, *found = run(ranker, main)
    assert isinstance(failed, RetrievalError)
    assert "ValueError" in str(failed)
    assert found == [[[(1, 1.0)]], [[(1, 1.0)]]]


@pytest.mark.parametrize("method", ["bm25", "dense", "hybrid"])
def test_batches_rank_as_single_searches_do_to_the_last_bit(rankers, method):
    ranker = rankers[method]

    async def main(batcher):
        return await asyncio.gather(*(batcher.rank([query], 5) for query in QUERIES))

    found = run(ranker, main, max_batch=64, max_waiting=64)
    assert [ranking for [ranking] in found] == [ranker.rank([query], 5)[0] for query in QUERIES]
