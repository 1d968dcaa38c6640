import pytest

from stepsearch_core.training.algorithms.rloo import RLOO
from tests.stepsearch_core.training.algorithms.batches import batch, plain


def test_advantages_by_hand():
    # question a: 1 - (0 + .5) / 2 = .75, 0 - (1 + .5) / 2 = -.75, .5 - (1 + 0) / 2 = 0. question b: .2 - .8,
    # .8 - .2
    rewards = [[0, 1.0], [0.2], [0, 0, 0.0], [0, 0.8], [0.5]]
    advantages, returns = RLOO.credit(batch(rewards, ["a", "b", "a", "b", "a"]), 1.0, 1.0)
    expected = [[0.75, 0.75], [-0.6], [-0.75] * 3, [0.6] * 2, [0]]
    assert [row.tolist() for row in advantages] == [pytest.approx(row) for row in expected]
    assert plain(returns) == [[1, 1], [0.2], [0, 0, 0], [0.8] * 2, [0.5]]  # what each earned in all


def test_a_trajectory_alone_learns_nothing():
    assert plain(RLOO.credit(batch([[0.3, 1.0]]), 1.0, 1.0)[0]) == [[0, 0]]
