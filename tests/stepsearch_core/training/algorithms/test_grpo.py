import pytest

from stepsearch_core.training.algorithms.grpo import GRPO
from tests.stepsearch_core.training.algorithms.batches import batch, plain


def test_advantages_by_hand():
    # question a: rewards 1, 0, .5, mean .5, unbiased deviation .5: 1, -1, 0. question b: .2 and .8, mean .5,
    # deviation .3 * sqrt(2) = .4242641: -+ .7071068
    rewards = [[0, 1.0], [0.2], [0, 0, 0.0], [0, 0.8], [0.5]]
    advantages, returns = GRPO.credit(batch(rewards, ["a", "b", "a", "b", "a"]), 1.0, 1.0)
    expected = [[1, 1], [-0.7071068], [-1, -1, -1], [0.7071068] * 2, [0]]
    assert [row.tolist() for row in advantages] == [pytest.approx(row, abs=1e-5) for row in expected]
    assert plain(returns) == [[1, 1], [0.2], [0, 0, 0], [0.8] * 2, [0.5]]  # what each earned in all


def test_a_group_of_equals_and_a_trajectory_alone_learn_nothing():
    advantages, _ = GRPO.credit(batch([[0.3], [0.3], [9.0]], ["a", "a", "b"]), 1.0, 1.0)
    assert plain(advantages) == [[0], [0], [0]]


def test_only_the_sum_of_a_trajectorys_rewards_counts():
    early, late = batch([[1, 0], [0, 0]], ["a", "a"]), batch([[0, 1], [0, 0]], ["a", "a"])
    assert plain(GRPO.credit(early, 0.5, 0.5)[0]) == plain(GRPO.credit(late, 1.0, 1.0)[0])
