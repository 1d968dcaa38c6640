import pytest

from stepsearch_core.metrics.search import (
    format_valid,
    invalid_turns,
    redundancy,
    repeated_shares,
    search_count,
    support_recall,
)
from stepsearch_core.types import Trajectory
from tests.oracles.episodes import answer, invalid, question, search, trajectory


def test_repeats_are_counted_against_earlier_rounds_only():
    assert repeated_shares([["a", "b", "c"], ["b", "a", "c"], ["d", "d", "a"], [], ["d"]]) == [0, 1, 1 / 3, 0, 1]


def test_redundancy_is_the_mean_over_searches_and_zero_without():
    assert redundancy(trajectory(search("x", "a", "b"), search("y", "a", "c"), answer("z"))) == pytest.approx(0.25)
    assert redundancy(trajectory(answer("z"))) == 0.0


def test_counts_only_turns_that_searched():
    assert search_count(trajectory(search("x"), invalid(), search("y", "a"), answer("z"))) == 2


def test_support_recall_counts_each_gold_passage_once():
    asked = question((["a"], []), (["b", "a"], []), (["c", "d"], []))
    assert support_recall(trajectory(search("x", "a", "z"), search("y", "a", "c")), asked) == pytest.approx(2 / 4)
    assert support_recall(trajectory(answer("z")), asked) == 0.0


def test_support_recall_is_undefined_without_gold_passages():
    assert support_recall(trajectory(search("x", "a")), question()) is None


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([search("x", "a"), answer("z")], True),
        ([search("x", think=True), answer("z", think=False)], True),
        ([search("x", think=False), answer("z", think=True)], True),
        ([search("x", think=False), answer("z", think=False)], False),  # never thinks
        ([answer("z")], False),  # never searches
        ([search("x", "a")], False),  # never answers
        ([search("x", "a"), answer("z"), search("y")], False),  # the answer is not at the end
        ([search("x", "a"), answer("y"), answer("z")], False),  # two answers
        ([invalid(), search("x", "a"), invalid(), invalid(), answer("z")], True),  # counted, not fatal
        ([invalid(), search("x", "a", think=False), answer("z", think=False)], False),
        ([search("x", "a"), invalid()], False),
    ],
)
def test_format(turns, expected):
    assert format_valid(trajectory(*turns)) is expected


def test_a_trajectory_without_turns_has_no_valid_format():
    assert format_valid(Trajectory("q", 0)) is False


def test_the_share_of_invalid_turns():
    assert invalid_turns(trajectory(invalid(), search("x"), invalid(), answer("z"))) == 0.5
    assert invalid_turns(trajectory(search("x"), answer("z"))) == 0.0
    assert invalid_turns(Trajectory("q", 0)) is None
