import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.training.algorithms.steppo import STEPPO
from tests.oracles import gae as oracle
from tests.stepsearch_core.training.algorithms.batches import batch, plain

ROWS = st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=12), min_size=2, max_size=5)


def test_step_rewards_credit_what_led_to_them_by_hand():
    # returns: .5 + 1 before the search's reward, 1 after it; the other trajectory 0. Mean of 1.5 1.5 1 0 0
    # is .8, unbiased variance (.49 + .49 + .04 + .64 + .64) / 4 = .575, its root .7582876
    advantages, returns = STEPPO.credit(batch([[0, 0.5, 1], [0, 0]]), 1.0, 1.0)
    assert plain(returns) == [[1.5, 1.5, 1.0], [0.0, 0.0]]
    assert advantages[0].tolist() == pytest.approx([0.923133, 0.923133, 0.263752], abs=1e-6)
    assert advantages[1].tolist() == pytest.approx([-1.055009] * 2, abs=1e-6)


def test_whitened_advantages_by_hand():
    # advantages 1 1 | -1 -1 -1: mean -.2, unbiased variance 4.8 / 4 = 1.2
    advantages, returns = STEPPO.credit(batch([[0, 1], [0, 0, -1]]), 1.0, 1.0)
    assert [row.tolist() for row in advantages] == [
        pytest.approx([1.0954451] * 2, abs=1e-6),
        pytest.approx([-0.7302967] * 3, abs=1e-6),
    ]
    assert plain(returns) == [[1, 1], [-1, -1, -1]]


def test_discounts_by_hand():
    # deltas: 0 + .5 * 1 - 2 = -1.5, 3 - 1 = 2; advantages -1.5 + .5 * .5 * 2 = -1, 2; returns 1, 3
    advantages, returns = STEPPO.credit(batch([[0, 3], [0]], values=[[2.0, 1.0], [0.0]]), 0.5, 0.5)
    assert returns[0].tolist() == pytest.approx([1.0, 3.0])
    # whitened over -1, 2, 0: mean 1/3, variance (16/9 + 25/9 + 1/9) / 2 = 7/3
    assert advantages[0].tolist() == pytest.approx([-0.8728716, 1.0910895], abs=1e-6)
    assert advantages[1].tolist() == pytest.approx([-0.2182179], abs=1e-6)


@given(ROWS, st.floats(0, 1), st.floats(0, 1))
def test_rows_of_any_lengths_against_the_definition(rewards, gamma, gae_lambda):
    values = [[0.3 * reward - 0.1 for reward in row[::-1]] for row in rewards]
    advantages, returns = STEPPO.credit(batch(rewards, values=values), gamma, gae_lambda)
    expected = [
        oracle.advantages_and_returns(r, v, [True] * len(r), gamma, gae_lambda)
        for r, v in zip(rewards, values, strict=True)
    ]
    flat = np.concatenate([advantages for advantages, _ in expected])
    whitened = (flat - flat.mean()) / np.sqrt(flat.var(ddof=1) + 1e-8)
    assert np.concatenate(advantages) == pytest.approx(whitened, abs=1e-7)
    assert np.concatenate(returns) == pytest.approx(np.concatenate([r for _, r in expected]), abs=1e-9)
