import threading
import time

import pytest

from stepsearch_core.base.types import Passage, StopReason
from stepsearch_core.params import RolloutParams
from stepsearch_core.retrieval.retriever import (
    FinalRetrievalError,
    Hit,
    RetrievalError,
    RetrievalTimeoutError,
    RetrievalUnavailableError,
)
from stepsearch_core.rollout.searches import Searches


class Service:
    """Finds the query itself; `script` says what else its calls do, one after the other."""

    def __init__(self, *script):
        self.script, self.batches = iter(script), []

    def search(self, queries, k):
        self.batches.append(list(queries))
        action = next(self.script, None)
        if callable(action):
            action = action(queries)
        if action is not None:
            return action
        return [[Hit(Passage(query, "", query), 1.0)] * k for query in queries]


def refuses(queries):
    raise RetrievalError("refused")


def breaks(queries):
    raise ZeroDivisionError("a mistake")


def all_results(searches):
    found: dict[int, list] = {}
    while len(searches):
        found |= dict(searches.results(wait=True))
    return found


def ids(outcome):
    return [passage.id for passage in outcome]


def test_every_search_ends_with_its_own_passages():
    with Searches(Service(), 2, RolloutParams()) as searches:
        for number in (3, 1, 2):
            searches.submit(number, f"q{number}")
        found = all_results(searches)
    assert {number: ids(outcome) for number, outcome in found.items()} == {
        n: [f"q{n}"] * 2 for n in (1, 2, 3)
    }
    assert searches.results(wait=True) == []  # nothing is under way, so nothing is waited for


def test_what_piles_up_during_a_call_travels_as_one_batch():
    gate = threading.Event()
    service = Service(lambda queries: gate.wait(10) and None)
    with Searches(service, 1, RolloutParams()) as searches:
        searches.submit(0, "first")
        while not service.batches:
            time.sleep(0.001)
        for number in (1, 2, 3):
            searches.submit(number, f"q{number}")
        assert searches.results(wait=False) == []
        gate.set()
        assert len(all_results(searches)) == 4
    assert service.batches == [["first"], ["q1", "q2", "q3"]]
    assert 0 < searches.waited < 10


def test_waiting_ends_when_it_is_woken():
    gate = threading.Event()
    with Searches(Service(lambda queries: gate.wait(10) and None), 1, RolloutParams()) as searches:
        searches.submit(0, "slow")
        threading.Timer(0.05, searches.wake).start()
        assert searches.results(wait=True) == []
        gate.set()
        assert dict(searches.results(wait=True)).keys() == {0}  # it was woken once


def test_workers_keep_several_batches_in_flight():
    both = threading.Barrier(2, timeout=10)
    service = Service(*[lambda queries: both.wait() and None] * 2)
    with Searches(service, 1, RolloutParams(retrieval_workers=2)) as searches:
        for number in (0, 1):
            searches.submit(number, f"q{number}")
            while len(service.batches) <= number:  # two calls at once, or the barrier breaks
                time.sleep(0.001)
        assert all(isinstance(outcome, list) for outcome in all_results(searches).values())


def test_a_refusal_is_tried_again_as_often_as_allowed():
    service = Service(refuses, refuses)
    with Searches(service, 1, RolloutParams(retrieval_attempts=3)) as searches:
        searches.submit(0, "q")
        assert ids(all_results(searches)[0]) == ["q"]
    assert service.batches == [["q"]] * 3
    with Searches(Service(refuses, refuses), 1, RolloutParams(retrieval_attempts=2)) as searches:
        searches.submit(0, "q")
        assert all_results(searches) == {0: StopReason.RETRIEVAL_FAILED}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FinalRetrievalError, StopReason.RETRIEVAL_FAILED),
        (RetrievalUnavailableError, StopReason.RETRIEVAL_FAILED),
        (RetrievalTimeoutError, StopReason.RETRIEVAL_TIMEOUT),
    ],
)
def test_who_has_tried_again_is_asked_once(error, reason):
    def gives_up(queries):
        raise error("in vain")

    service = Service(gives_up)
    with Searches(service, 1, RolloutParams(retrieval_attempts=3)) as searches:
        searches.submit(0, "q")
        assert all_results(searches) == {0: reason}
    assert service.batches == [["q"]]


@pytest.mark.parametrize("garbage", [[], [[1]], "text", 7, breaks])
def test_garbage_and_mistakes_fail_the_searches_and_nothing_else(garbage):
    service = Service(garbage)
    with Searches(service, 1, RolloutParams(retrieval_attempts=1)) as searches:
        searches.submit(0, "q")
        assert all_results(searches) == {0: StopReason.RETRIEVAL_FAILED}
        searches.submit(1, "another")
        assert ids(all_results(searches)[1]) == ["another"]


def test_a_search_that_takes_too_long_ends_without_its_answer():
    gate = threading.Event()
    service = Service(lambda queries: gate.wait(10) and None)
    with Searches(service, 1, RolloutParams(retrieval_timeout=0.05)) as searches:
        searches.submit(0, "q")
        started = time.monotonic()
        assert searches.results(wait=True) == [(0, StopReason.RETRIEVAL_TIMEOUT)]
        assert 0.05 <= time.monotonic() - started < 5
        assert searches.failure == "no answer within 0.05 s (rollout.retrieval_timeout)"
        gate.set()
        searches.submit(1, "another")
        found = all_results(searches)
    assert list(found) == [1]  # the late answer to the first was dropped


def exits(queries):
    raise SystemExit(3)


def test_a_retriever_that_exits_fails_its_searches_and_no_later_one():
    with Searches(Service(exits), 1, RolloutParams(retrieval_attempts=1)) as searches:
        searches.submit(0, "a")
        assert all_results(searches) == {0: StopReason.RETRIEVAL_FAILED}
        searches.submit(1, "b")
        assert ids(all_results(searches)[1]) == ["b"]


@pytest.mark.parametrize(
    "passage",
    [None, Passage("p", "", None), Passage(7, "", "text"), Passage("p", "", "a lone \ud800"), "text"],  # type: ignore[arg-type]
)
def test_a_passage_that_cannot_be_shown_is_garbage(passage):
    with Searches(Service([[Hit(passage, 1.0)]]), 1, RolloutParams(retrieval_attempts=1)) as searches:
        searches.submit(0, "a")
        assert all_results(searches) == {0: StopReason.RETRIEVAL_FAILED}


def test_no_more_passages_than_asked_for():
    hits = [Hit(Passage(name, "", name), 1.0) for name in "pqr"]
    with Searches(Service([hits]), 2, RolloutParams()) as searches:
        searches.submit(0, "a")
        assert ids(all_results(searches)[0]) == ["p", "q"]


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_end_with_the_rollout_even_if_searches_were_late(workers):
    gate = threading.Event()
    waits = [lambda queries: gate.wait(10) and None] * workers
    params = RolloutParams(retrieval_workers=workers, retrieval_timeout=0.05)
    with Searches(Service(*waits), 1, params) as searches:
        for number in range(workers):
            searches.submit(number, "first")
        while len(searches):
            searches.results(wait=True)  # all are late
        searches.submit(workers, "never looked at")
    gate.set()
    for worker in searches._workers:
        worker.join(10)
        assert not worker.is_alive()
