import time

import pytest

from stepsearch_core.retrieval.timed import TimedRanker


class Slow:
    """A ranker that takes a hundredth of a second."""

    def rank(self, queries, k):
        time.sleep(0.01)
        return [[(0, 1.0)]] * len(queries)


def test_queries_a_second_are_those_of_all_calls():
    ranker = TimedRanker(Slow())
    assert ranker.rank(["a", "b"], 1) == ranker.rank(["c", "d"], 1) == [[(0, 1.0)]] * 2
    assert ranker.asked == 4
    assert 0 < ranker.speed < 4 / 0.02


def test_what_was_never_asked_has_no_speed():
    assert TimedRanker(Slow()).asked == 0
    with pytest.raises(ZeroDivisionError):
        _ = TimedRanker(Slow()).speed
