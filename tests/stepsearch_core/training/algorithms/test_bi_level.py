from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.training.algorithms.bi_level import bi_level_gae
from stepsearch_core.training.algorithms.steppo import whitened_gae
from tests.stepsearch_core.training.algorithms.batches import batch as plain_batch
from tests.stepsearch_core.training.algorithms.batches import plain


def batch(rewards, values, turns):
    made = plain_batch(rewards, values=values)
    return replace(made, turns=[np.array(row) for row in turns])


def test_returns_by_hand():
    # turns: tokens 0-1 and 2-3, earning .5 and 1; values before them .2 and .4. Over turns with gamma .9 and
    # lambda .5: delta_1 = 1 - .4 = .6, so R_1 = 1; delta_0 = .5 + .9 * .4 - .2 = .66, A_0 = .66 + .45 * .6 =
    # .93, so R_0 = 1.13. Within a turn with gamma = 1 and lambda .5:
    # turn 0: delta = 1.13 - .3 = .83 at token 1, .3 - .2 = .1 at token 0: A = .515, .83; returns .715, 1.13
    # turn 1: delta = 1 - .6 = .4, .6 - .4 = .2: A = .4, .4; returns .8, 1
    made = batch([[0, 0.5, 0, 1.0]], [[0.2, 0.3, 0.4, 0.6]], [[0, 0, 1, 1]])
    advantages, (returns,) = bi_level_gae(made, 1.0, 0.5, 0.9, 0.5)
    assert returns.tolist() == pytest.approx([0.715, 1.13, 0.8, 1.0])
    raw = np.array([0.515, 0.83, 0.4, 0.4])
    assert advantages[0].tolist() == pytest.approx(((raw - raw.mean()) / raw.std(ddof=1)).tolist())


def test_a_turn_that_earns_nothing_is_a_turn_and_a_final_reward_of_zero_no_crash():
    made = batch([[0, 0, 0.0], [0.0, 1.0]], [[0.1, 0.2, 0.3], [0.0, 0.0]], [[0, 1, 2], [0, 1]])
    _, returns = bi_level_gae(made, 1.0, 1.0, 1.0, 0.0)
    assert [row.tolist() for row in returns] == [pytest.approx([0.2, 0.3, 0.0]), pytest.approx([0.0, 1.0])]


NUMBERS = st.floats(-2, 2)
TURN = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4)
"""Rewards and values of a turn's tokens; with a KL in the reward every token has one."""


@given(st.lists(TURN, min_size=1, max_size=4))
def test_without_discounts_and_decays_it_is_plain_gae(turns):
    rewards = [reward for turn in turns for reward, _ in turn]
    numbers = [number for number, turn in enumerate(turns) for _ in turn]
    made = batch([rewards], [[value for turn in turns for _, value in turn]], [numbers])
    ours, theirs = bi_level_gae(made, 1.0, 1.0, 1.0, 1.0), whitened_gae(made, 1.0, 1.0)
    assert plain(ours[1]) == [pytest.approx(row, abs=1e-9) for row in plain(theirs[1])]
    if np.std(ours[1][0] - made.values[0]) > 1e-3:  # or whitening makes much of rounding
        assert plain(ours[0]) == [pytest.approx(row, abs=1e-9) for row in plain(theirs[0])]
