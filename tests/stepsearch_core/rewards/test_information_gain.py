import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.rewards.information_gain import information_gains
from tests.oracles import step_rewards

HALF = 0.42804604  # cosine of "alpha gamma" with each gold of the worked case


@st.composite
def rounds_of_cosines(draw, lowest=0.0):
    cosine = st.floats(lowest, 1)
    golds = draw(st.integers(0, 4))
    rows = st.integers(0, 4).flatmap(
        lambda k: st.lists(st.lists(cosine, min_size=k, max_size=k), min_size=golds, max_size=golds).map(
            lambda values: np.array(values, dtype=float).reshape(golds, k)
        )
    )
    return draw(st.lists(rows, min_size=1, max_size=5))


def test_worked_case():
    rounds = [
        np.array([[1, 0, 0], [0, 0, 0]]),
        np.array([[1, HALF, 0], [0, HALF, 0]]),
        np.array([[0, 0, 0], [1, 0, 0]]),
    ]
    gains = information_gains(rounds)
    assert gains == pytest.approx([0.5, 0.21402302, 0.28597698], abs=1e-9)
    assert sum(gains) == pytest.approx(1.0)


def test_nothing_to_compare_gains_nothing():
    assert information_gains([]) == []
    assert information_gains([np.zeros((2, 0)), np.array([[0.5], [0.0]])]) == [0.0, 0.25]
    assert information_gains([np.zeros((0, 3))]) == [0.0]


@given(rounds_of_cosines(lowest=-1.0))
def test_agrees_with_a_loop_over_all_earlier_rounds(rounds):
    assert information_gains(rounds) == pytest.approx(
        step_rewards.gains([m.tolist() for m in rounds]), abs=1e-12
    )


@given(rounds_of_cosines())
def test_gains_telescope_to_the_final_coverage(rounds):
    gains = information_gains(rounds)
    best = np.concatenate(rounds, axis=1).max(axis=1, initial=0.0)
    assert sum(gains) == pytest.approx(best.mean() if best.size else 0.0, abs=1e-12)
    assert all(gain >= 0 for gain in gains)
    assert sum(gains) <= 1 + 1e-12


@given(rounds_of_cosines(), st.randoms(use_true_random=False))
def test_the_rank_of_a_passage_does_not_matter(rounds, rng):
    shuffled = [matrix[:, rng.sample(range(matrix.shape[1]), matrix.shape[1])] for matrix in rounds]
    assert information_gains(shuffled) == information_gains(rounds)


@given(rounds_of_cosines())
def test_finding_the_same_again_gains_exactly_nothing(rounds):
    assert information_gains([*rounds, np.concatenate(rounds, axis=1)])[-1] == 0.0
