import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.rewards.search_key import search_key_reward

GROUPS = [["capital of france", "france capital"], ["population of paris"]]
texts = st.lists(st.sampled_from(["capital", "of", "france", "population", "paris"]), max_size=4).map(
    " ".join
)
key_groups = st.lists(st.lists(texts, max_size=3), max_size=4)


def test_mean_over_sub_questions_of_the_best_match():
    # second group: {paris, population} of 2 and 3 words -> 2 * 2 / 5
    assert search_key_reward(["capital of France", "Paris population"], GROUPS) == pytest.approx(
        (1.0 + 0.8) / 2
    )


def test_a_later_worse_query_takes_nothing_away():
    assert search_key_reward(["capital of France", "Paris population", "france"], GROUPS) == pytest.approx(
        0.9
    )


def test_one_query_may_serve_several_sub_questions():
    query = "capital of france and population of paris"  # 7 words, 3 shared with each key: 2 * 3 / 10
    assert search_key_reward([query], GROUPS) == pytest.approx(0.6)


def test_sub_questions_without_keys_are_left_out():
    assert search_key_reward(["capital of france"], [["capital of france"], []]) == 1.0
    assert search_key_reward(["capital of france"], [[], []]) == 0.0


def test_no_query_or_no_group_earns_nothing():
    assert search_key_reward([], GROUPS) == 0.0
    assert search_key_reward(["capital of france"], []) == 0.0


@given(st.lists(texts, max_size=4), texts, key_groups)
def test_another_query_never_lowers_the_score(queries, query, groups):
    before, after = search_key_reward(queries, groups), search_key_reward([*queries, query], groups)
    assert 0.0 <= before <= after <= 1.0


@given(st.lists(texts, max_size=4), key_groups, st.randoms(use_true_random=False))
def test_the_order_of_queries_does_not_matter(queries, groups, rng):
    shuffled = rng.sample(queries, len(queries))
    assert search_key_reward(queries, groups) == search_key_reward(shuffled, groups)
