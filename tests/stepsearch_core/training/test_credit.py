from dataclasses import replace

import numpy as np
import pytest

from stepsearch_core.base.types import RewardBreakdown, StepReward
from stepsearch_core.params import RewardParams, TrainParams
from stepsearch_core.training.algorithms import ALGORITHMS
from stepsearch_core.training.algorithms.algorithm import ScoredBatch
from stepsearch_core.training.credit import Crediting
from tests.oracles.episodes import answer, search, trajectory
from tests.stepsearch_core.training.algorithms.batches import plain

REWARD = RewardParams(
    answer_weight=1.0, search_key_weight=0.0, information_gain_weight=0.0, redundancy_weight=0.5
)


def crediting(reward=REWARD, **changes):
    return Crediting(replace(TrainParams(gamma=0.9, gae_lambda=0.8), **changes), reward)


def scored(rewards, values=None, question_ids=None):
    """A batch of rows [tokens, terms]; each token is a turn of its own."""
    rows = [np.array(row, dtype=float) for row in rewards]
    return ScoredBatch(
        question_ids or [f"q{number}" for number in range(len(rows))],
        rows,
        [np.zeros_like(row) for row in rows] if values is None else values,
        [np.arange(len(row)) for row in rows],
        [np.zeros(len(row), dtype=int) for row in rows],
    )


@pytest.mark.parametrize("name", ALGORITHMS)
def test_of_one_term_it_is_the_algorithm_s_own_credit(name):
    draw = np.random.default_rng(0)
    rewards, values = ([draw.normal(size=(length, 1)) for length in (3, 1, 2, 4)] for _ in range(2))
    made = scored(rewards, values, ["a", "b", "a", "b"])
    advantages, returns = crediting(algorithm=name).assign(made)
    flat = replace(made, rewards=[row[:, 0] for row in rewards], values=[row[:, 0] for row in values])
    expected, targets = ALGORITHMS[name].credit(flat, 0.9, 0.8)
    assert plain(advantages) == plain(expected)
    assert [row.shape for row in returns] == [row.shape for row in rewards]
    assert plain([row[:, 0] for row in returns]) == plain(targets)


def test_terms_count_by_their_weights_and_not_by_how_much_they_vary():
    """GRPO, two samples of one question: each term gives +-1/sqrt(2), however large its rewards are."""
    made = scored([[[0.0, 300.0]], [[1.0, 100.0]]], question_ids=["a", "a"])
    apart = crediting(algorithm="grpo", credit="turn_group", normalise_terms=True)
    assert apart.terms == 2
    advantages, _ = apart.assign(made)
    first = -1 / 2**0.5 - 0.5 / 2**0.5  # the answer's weight is 1, redundancy's -.5
    assert [row.tolist() for row in advantages] == [
        pytest.approx([first], abs=1e-5),
        pytest.approx([-first], abs=1e-5),
    ]


def test_whitened_terms_by_hand():
    # returns of the answer: 2, 1 and 0, of redundancy: 0, 0 and 3: deviations 1 and sqrt(3), means 1 and 1
    made = scored([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 3.0]]])
    apart = crediting(algorithm="steppo", gamma=1.0, gae_lambda=1.0, normalise_terms=True)
    advantages, returns = apart.assign(made)
    low, high = -1 / 3**0.5, 2 / 3**0.5
    expected = [[1 - 0.5 * low, 0 - 0.5 * low], [-1 - 0.5 * high]]
    assert [row.tolist() for row in advantages] == [pytest.approx(row, abs=1e-6) for row in expected]
    assert returns[0].tolist() == [[2.0, 0.0], [1.0, 0.0]]


EPISODE = trajectory(search("a", "p"), answer("Paris"))
PARTS = RewardBreakdown(0.5, 0.25, (StepReward(0, 0.75, 1.0),), True)


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"algorithm": "steppo"}, [0, 0, -0.5, 0, 0, 0.5]),
        ({"algorithm": "ppo"}, [0, 0, 0, 0, 0, 0.5]),
        ({"algorithm": "grpo"}, [0, 0, 0, 0, 0, 0.5]),
        ({"algorithm": "grpo", "credit": "return_to_go"}, [0, 0, -0.5, 0, 0, 0.5]),
        ({"algorithm": "reinforce_pp", "credit": "turn_group"}, [0, 0, -0.5, 0, 0, 0.5]),
    ],
)
def test_which_rewards_are_seen(changes, seen):
    made = crediting(**changes)
    assert made.weighed(made.rewards(EPISODE, PARTS)).tolist() == seen


def test_terms_apart_weigh_what_the_whole_does():
    whole, apart = crediting(), crediting(normalise_terms=True)
    assert apart.terms == 2  # two of the four have a weight
    assert apart.weighed(apart.rewards(EPISODE, PARTS)).tolist() == pytest.approx(
        whole.weighed(whole.rewards(EPISODE, PARTS)).tolist()
    )
