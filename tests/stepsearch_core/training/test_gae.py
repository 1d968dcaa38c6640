import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stepsearch_core.training.gae import generalized_advantages, whiten
from tests.oracles import gae as oracle

REWARDS = np.array([0, 0.8, 0, -0.4, 0, 1.5562])
ROWS = st.lists(st.lists(st.floats(-10, 10), max_size=6), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, [1.9562, 1.9562, 1.1562, 1.1562, 1.5562, 1.5562]),
        (0.5, [1.4562, 1.4562, 0.6562, 0.6562, 1.0562, 1.0562]),
    ],
)
def test_worked_case(value, expected):
    advantages, returns = generalized_advantages(REWARDS, np.full(6, value), 1.0, 1.0)
    assert advantages.tolist() == pytest.approx(expected)
    assert returns.tolist() == pytest.approx([1.9562, 1.9562, 1.1562, 1.1562, 1.5562, 1.5562])


def test_worked_case_whitened():
    advantages, _ = generalized_advantages(REWARDS, np.full(6, 0.5), 1.0, 1.0)
    root = np.sqrt(1.25)  # .4 / sqrt(.1280)
    assert whiten([advantages])[0].tolist() == pytest.approx([root, root, -root, -root, 0, 0], abs=1e-6)


def test_discount_and_decay_by_hand():
    # delta = (.5 .9 - .2, 1 + .9 .4 - .5, 2 - .4) = (.25, .86, 1.6); gamma lambda = .72
    advantages, returns = generalized_advantages(np.arange(3.0), np.array([0.2, 0.5, 0.4]), 0.9, 0.8)
    last = 1.6
    second = 0.86 + 0.72 * last
    assert advantages.tolist() == pytest.approx([0.25 + 0.72 * second, second, last])
    assert (returns - advantages).tolist() == pytest.approx([0.2, 0.5, 0.4])


@pytest.mark.parametrize("gamma", [1.0, 0.99])
@pytest.mark.parametrize("gae_lambda", [1.0, 0.95, 0.9])
def test_agrees_with_the_definition(gamma, gae_lambda):
    """The oracle sees whole trajectories, in which the environment wrote about half of the tokens."""
    draw = np.random.default_rng(17)
    for _ in range(300):
        written = np.repeat(draw.random(8) < 0.5, 4)
        rewards, values = draw.normal(size=(2, 32))
        expected = oracle.advantages_and_returns(rewards, values, written, gamma, gae_lambda)
        found = generalized_advantages(rewards[written], values[written], gamma, gae_lambda)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours == pytest.approx(theirs[written], abs=1e-12)


def test_rewards_and_values_must_be_as_many():
    with pytest.raises(ValueError, match="shorter"):
        generalized_advantages(np.zeros(3), np.zeros(2), 1.0, 1.0)


def test_a_trajectory_without_policy_tokens_has_none():
    advantages, returns = generalized_advantages(np.zeros(0), np.zeros(0), 1.0, 1.0)
    assert advantages.shape == returns.shape == (0,)


def test_whitening_is_over_the_entries_of_all_rows():
    # mean 3, unbiased variance (4 + 0 + 4) / 2 = 4
    whitened = whiten([np.array([1.0, 3.0]), np.array([]), np.array([5.0])])
    assert [row.tolist() for row in whitened] == [
        [pytest.approx(-1), pytest.approx(0)],
        [],
        [pytest.approx(1)],
    ]


@pytest.mark.parametrize("rows", [[[2.0, 2.0], [2.0]], [[5.0]], [[]]])
def test_whitening_of_equal_single_or_no_entries_is_zero(rows):
    whitened = whiten([np.array(row) for row in rows])
    assert [row.tolist() for row in whitened] == [[0.0] * len(row) for row in rows]


@pytest.mark.slow
@given(ROWS, st.floats(-5, 5), st.floats(0.5, 2))
def test_whitening_does_not_see_shift_and_scale(rows, shift, scale):
    rows = [np.array(row) for row in rows]
    entries = np.concatenate(rows)
    assume(entries.size > 1 and np.ptp(entries) > 1)  # what is added to the variance does not show
    whitened = np.concatenate(whiten(rows))
    assert np.concatenate(whiten([row * scale + shift for row in rows])) == pytest.approx(whitened, abs=1e-5)
