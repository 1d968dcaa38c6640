from dataclasses import replace

import pytest

from stepsearch_core.base.types import InvalidReason, StopReason, Trajectory
from stepsearch_core.metrics.search import (
    cut_passages,
    format_valid,
    hidden_passages,
    invalid_reasons,
    invalid_turns,
    over_search,
    prompt_too_long,
    redundancy,
    repeated_shares,
    search_count,
    support_precision,
    support_recall,
    under_search,
)
from tests.oracles.episodes import answer, invalid, question, search, trajectory


def test_repeats_are_counted_against_earlier_rounds_only():
    assert repeated_shares([["a", "b", "c"], ["b", "a", "c"], ["d", "d", "a"], [], ["d"]]) == [
        0,
        1,
        1 / 3,
        0,
        1,
    ]


def test_redundancy_is_the_mean_over_searches_and_zero_without():
    assert redundancy(
        trajectory(search("x", "a", "b"), search("y", "a", "c"), answer("z"))
    ) == pytest.approx(0.25)
    assert redundancy(trajectory(answer("z"))) == 0.0


def test_counts_only_turns_that_searched():
    assert search_count(trajectory(search("x"), invalid(), search("y", "a"), answer("z"))) == 2


def test_support_recall_counts_each_gold_passage_once():
    asked = question((["a"], []), (["b", "a"], []), (["c", "d"], []))
    assert support_recall(trajectory(search("x", "a", "z"), search("y", "a", "c")), asked) == pytest.approx(
        2 / 4
    )
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


def test_invalid_turns_by_reason():
    made = trajectory(
        invalid(InvalidReason.NO_ACTION),
        search("x"),
        invalid(InvalidReason.NO_ACTION),
        invalid(InvalidReason.EMPTY_SEARCH),
    )
    shares = invalid_reasons(made)
    assert {reason: share for reason, share in shares.items() if share} == {
        InvalidReason.NO_ACTION: 0.5,
        InvalidReason.EMPTY_SEARCH: 0.25,
    }
    assert sum(shares.values()) == invalid_turns(made)
    assert set(invalid_reasons(Trajectory("q", 0)).values()) == {0.0}


def test_hidden_and_cut_are_shares_of_what_was_found():
    first = replace(search("x", "a", "b"), cut_ids=("b",), hidden_ids=("c",))
    made = trajectory(first, search("y", "a"), invalid(), replace(search("z"), hidden_ids=("d",)))
    assert hidden_passages(made) == 2 / 5
    assert cut_passages(made) == 1 / 5
    assert hidden_passages(trajectory(search("nothing"))) is cut_passages(trajectory(answer("z"))) is None


def test_a_question_that_was_never_asked():
    assert prompt_too_long(Trajectory("q", 0, stop_reason=StopReason.PROMPT_TOO_LONG))
    assert not prompt_too_long(trajectory(answer("z")))


TWO = question((["a"], []), (["b"], []))


def test_precision_is_of_the_distinct_passages_shown():
    made = trajectory(search("x", "a", "z"), search("y", "a", "b", "w"), answer("n"))
    assert support_precision(made, TWO) == pytest.approx(2 / 4)
    assert support_precision(trajectory(answer("n")), TWO) is None
    assert support_precision(made, question()) is None


@pytest.mark.parametrize(
    ("searches", "after", "too_early"),
    [
        ([("a",), ("b",)], 0, 0.0),
        ([("a", "b")], 0, 0.0),
        ([("a", "b"), ("z",), ()], 2, 0.0),
        ([("a",), ("a", "z")], 0, 1.0),
        ([], 0, 1.0),
    ],
)
def test_too_many_searches_and_too_few(searches, after, too_early):
    turns = [search("x", *found) for found in searches]
    assert over_search(trajectory(*turns, answer("n")), TWO) == after
    assert under_search(trajectory(*turns, answer("n")), TWO) == too_early
    assert under_search(trajectory(*turns, invalid()), TWO) == 0.0  # who does not answer has not stopped
    assert (
        over_search(trajectory(*turns), question()) is under_search(trajectory(*turns), question()) is None
    )


def test_precision_is_unknown_where_supports_are():
    assert support_precision(trajectory(search("x", "a")), question(([], []))) is None
