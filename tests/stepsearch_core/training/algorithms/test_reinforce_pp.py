import pytest

from stepsearch_core.training.algorithms.reinforce_pp import REINFORCE_PP
from tests.stepsearch_core.training.algorithms.batches import batch, plain


def test_discounted_returns_whitened_over_the_batch_by_hand():
    # returns .25 .5 1 | 0: mean .4375, unbiased variance (.03515625 + .00390625 + .31640625 + .19140625) / 3
    # = .1822917
    made = batch([[0, 0, 1], [0]], values=[[5.0, 6.0, 7.0], [8.0]])
    advantages, returns = REINFORCE_PP.credit(made, 0.5, 0.3)  # neither values nor lambda play a part
    assert plain(returns) == [[0.25, 0.5, 1.0], [0.0]]
    assert advantages[0].tolist() == pytest.approx([-0.4391550, 0.1463850, 1.3174651], abs=1e-6)
    assert advantages[1].tolist() == pytest.approx([-1.0246951], abs=1e-6)
