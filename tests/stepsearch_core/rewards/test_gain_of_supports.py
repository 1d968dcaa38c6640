from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.rewards.gain_of_supports import support_gains


def test_each_gold_passage_pays_once():
    assert support_gains(["a", "b"], [["x"], ["a", "x"], ["a", "b"], ["b"]]) == [0.0, 0.5, 0.5, 0.0]


def test_without_gold_passages_nothing_is_gained():
    assert support_gains([], [["x"], []]) == [0.0, 0.0]


IDS = st.sampled_from("abcdefg")


@given(st.sets(IDS, min_size=1), st.lists(st.lists(IDS)))
def test_gains_sum_to_the_share_shown(gold, rounds):
    shown = {pid for found in rounds for pid in found}
    assert abs(sum(support_gains(sorted(gold), rounds)) - len(gold & shown) / len(gold)) < 1e-9
