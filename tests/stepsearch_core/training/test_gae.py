import numpy as np
import pytest

from stepsearch_core.training.gae import generalized_advantages, whiten
from tests.oracles import gae as oracle

REWARDS = np.array([[0, 0.8, 0, -0.4, 0, 1.5562]])
EVERY = np.ones((1, 6), dtype=bool)


def random_batch(rng, rows=1000, time=32):
    """Rows of alternating policy and environment runs, some of them with no policy token at all."""
    mask = np.repeat(rng.random((rows, time // 4)) < 0.5, 4, axis=1) ^ (rng.random((rows, time)) < 0.1)
    return rng.normal(size=(rows, time)) * mask, rng.normal(size=(rows, time)), mask


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, [1.9562, 1.9562, 1.1562, 1.1562, 1.5562, 1.5562]),
        (0.5, [1.4562, 1.4562, 0.6562, 0.6562, 1.0562, 1.0562]),
    ],
)
def test_worked_case(value, expected):
    advantages, returns = generalized_advantages(REWARDS, np.full((1, 6), value), EVERY, 1.0, 1.0)
    assert advantages[0].tolist() == pytest.approx(expected)
    assert returns[0].tolist() == pytest.approx([1.9562, 1.9562, 1.1562, 1.1562, 1.5562, 1.5562])


def test_worked_case_whitened():
    advantages, _ = generalized_advantages(REWARDS, np.full((1, 6), 0.5), EVERY, 1.0, 1.0)
    root = np.sqrt(1.25)  # .4 / sqrt(.1280)
    assert whiten(advantages, EVERY)[0].tolist() == pytest.approx([root, root, -root, -root, 0, 0], abs=1e-6)


def test_discount_and_decay_by_hand():
    # delta = (.5 .9 - .2, 1 + .9 .4 - .5, 2 - .4) = (.25, .86, 1.6); gamma lambda = .72
    rewards, values = np.array([[0.0, 1.0, 2.0]]), np.array([[0.2, 0.5, 0.4]])
    advantages, returns = generalized_advantages(rewards, values, np.ones((1, 3), dtype=bool), 0.9, 0.8)
    assert advantages[0].tolist() == pytest.approx(
        [0.25 + 0.72 * (0.86 + 0.72 * 1.6), 0.86 + 0.72 * 1.6, 1.6]
    )
    assert (returns - advantages)[0].tolist() == pytest.approx([0.2, 0.5, 0.4])


@pytest.mark.parametrize("gamma", [1.0, 0.99])
@pytest.mark.parametrize("gae_lambda", [1.0, 0.95, 0.9])
def test_agrees_with_the_definition_on_the_policy_tokens(gamma, gae_lambda):
    rewards, values, mask = random_batch(np.random.default_rng(17))
    advantages, returns = generalized_advantages(rewards, values, mask, gamma, gae_lambda)
    for row in range(len(mask)):
        expected = oracle.advantages_and_returns(rewards[row], values[row], mask[row], gamma, gae_lambda)
        assert np.abs(advantages[row] - expected[0]).max() < 1e-12
        assert np.abs(returns[row] - expected[1]).max() < 1e-12


@pytest.mark.parametrize("garbage", [1e6, np.nan, np.inf])
def test_what_the_critic_says_of_environment_tokens_is_not_read(garbage):
    rewards, values, mask = random_batch(np.random.default_rng(4), rows=50)
    clean = generalized_advantages(rewards, np.where(mask, values, 0.0), mask, 0.99, 0.95)
    dirty = generalized_advantages(rewards, np.where(mask, values, garbage), mask, 0.99, 0.95)
    for a, b in zip(clean, dirty, strict=True):
        assert np.array_equal(a, b)
        assert not a[~mask].any()


def test_environment_tokens_do_not_discount():
    # 3 policy tokens, 4 retrieved ones, 3 policy tokens, against the same 6 in a row
    mask = np.array([[1] * 3 + [0] * 4 + [1] * 3], dtype=bool)
    rewards, values = np.zeros((1, 10)), np.full((1, 10), 7.0)
    rewards[0, [2, 9]] = [0.5, 1.0]
    values[mask] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    apart = generalized_advantages(rewards, values, mask, 0.99, 0.95)[0]
    together = generalized_advantages(
        rewards[mask][None], values[mask][None], np.ones((1, 6), bool), 0.99, 0.95
    )[0]
    assert np.array_equal(apart[mask], together[0])


def test_a_reward_off_the_mask_is_an_error_that_says_where():
    rewards, mask = np.zeros((2, 3)), np.array([[1, 1, 1], [1, 0, 1]], dtype=bool)
    rewards[1, 1] = 0.5
    with pytest.raises(
        ValueError, match="row 1, token 1: a reward on a token that the policy did not write"
    ):
        generalized_advantages(rewards, np.zeros((2, 3)), mask, 1.0, 1.0)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"one \[batch, time\] shape"):
        generalized_advantages(np.zeros((1, 3)), np.zeros((1, 4)), np.ones((1, 3), dtype=bool), 1.0, 1.0)


def test_rows_without_policy_tokens_are_zero():
    advantages, returns = generalized_advantages(
        np.zeros((2, 3)), np.ones((2, 3)), np.zeros((2, 3), bool), 1.0, 1.0
    )
    assert not advantages.any()
    assert not returns.any()


def test_whitening_is_over_the_mask_only():
    x, mask = (
        np.array([[1.0, np.nan, 3.0], [5.0, 1e9, np.inf]]),
        np.array([[1, 0, 1], [1, 0, 0]], dtype=bool),
    )
    # mean 3, unbiased variance (4 + 0 + 4) / 2 = 4
    assert whiten(x, mask).tolist() == [[pytest.approx(-1), 0, pytest.approx(0)], [pytest.approx(1), 0, 0]]


def test_whitening_of_equal_or_single_entries_is_zero():
    assert whiten(np.full((1, 4), 2.0), np.ones((1, 4), bool)).tolist() == [[0.0] * 4]
    assert whiten(np.array([[5.0, 1.0]]), np.array([[True, False]])).tolist() == [[0.0, 0.0]]
    assert whiten(np.zeros((1, 2)), np.zeros((1, 2), bool)).tolist() == [[0.0, 0.0]]
