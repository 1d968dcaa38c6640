import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.params import RewardParams, TrainParams
from stepsearch_core.training.experience import Experience, add_advantages, describe, policy_rewards, usable
from stepsearch_core.types import RewardBreakdown, StepReward, StopReason
from tests.oracles import episodes
from tests.oracles import gae as oracle
from tests.oracles.episodes import answer, invalid, search, trajectory

ROWS = st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=12), min_size=2, max_size=5)


def experience(rewards, values):
    return Experience([], [], [], [np.array(r, float) for r in rewards], [np.array(v) for v in values], [], [], [])


def test_whitened_advantages_by_hand():
    # advantages 1 1 | -1 -1 -1: mean -.2, unbiased variance 4.8 / 4 = 1.2
    made = experience([[0, 1], [0, 0, -1]], [[0.0, 0.0], [0.0, 0.0, 0.0]])
    add_advantages(made, TrainParams(gamma=1.0, gae_lambda=1.0))
    assert [row.tolist() for row in made.advantages] == [
        pytest.approx([1.0954451] * 2, abs=1e-6),
        pytest.approx([-0.7302967] * 3, abs=1e-6),
    ]
    assert [row.tolist() for row in made.returns] == [[1, 1], [-1, -1, -1]]


def test_discounts_by_hand():
    # deltas: 0 + .5 * 1 - 2 = -1.5, 3 - 1 = 2; advantages -1.5 + .5 * .5 * 2 = -1, 2; returns 1, 3
    made = experience([[0, 3], [0]], [[2.0, 1.0], [0.0]])
    add_advantages(made, TrainParams(gamma=0.5, gae_lambda=0.5))
    assert made.returns[0].tolist() == pytest.approx([1.0, 3.0])
    # whitened over -1, 2, 0: mean 1/3, variance (16/9 + 25/9 + 1/9) / 2 = 7/3
    assert made.advantages[0].tolist() == pytest.approx([-0.8728716, 1.0910895], abs=1e-6)
    assert made.advantages[1].tolist() == pytest.approx([-0.2182179], abs=1e-6)


@given(ROWS, st.floats(0, 1), st.floats(0, 1))
def test_rows_of_any_lengths_against_the_definition(rewards, gamma, gae_lambda):
    values = [[0.3 * reward - 0.1 for reward in row[::-1]] for row in rewards]
    made = experience(rewards, values)
    add_advantages(made, TrainParams(gamma=gamma, gae_lambda=gae_lambda))
    expected = [
        oracle.advantages_and_returns(r, v, [True] * len(r), gamma, gae_lambda)
        for r, v in zip(rewards, values, strict=True)
    ]
    flat = np.concatenate([advantages for advantages, _ in expected])
    whitened = (flat - flat.mean()) / np.sqrt(flat.var(ddof=1) + 1e-8)
    assert [len(row) for row in made.advantages] == [len(row) for row in rewards]
    assert np.concatenate(made.advantages) == pytest.approx(whitened, abs=1e-7)
    assert np.concatenate(made.returns) == pytest.approx(np.concatenate([r for _, r in expected]), abs=1e-9)


def test_rewards_of_policy_tokens_are_those_of_the_whole_trajectory_without_the_environments():
    made = trajectory(search("a", "p"), invalid(), answer("Paris"))  # 3 policy tokens a turn
    breakdown = RewardBreakdown(0.5, 0.25, (StepReward(0, 0.75, 1.0),), False)
    params = RewardParams(answer_weight=2.0, search_key_weight=1.0, information_gain_weight=1.0, redundancy_weight=0.5)
    assert policy_rewards(made, breakdown, params).tolist() == [0, 0, 0.25, 0, 0, 0, 0, 0, 1.25]


def test_failed_retrievals_are_left_out():
    made = [trajectory(search("a")), trajectory(search("a")), trajectory(answer("b"))]
    made[1].stop_reason = StopReason.RETRIEVAL_FAILED
    assert usable(made) == [made[0], made[2]]


def test_description_by_hand():
    asked = episodes.question((["g1"], []), (["g2"], []))
    trajectories = [
        trajectory(search("one two", "g1", "x"), search("three", "x", "y"), answer("Paris, France")),
        trajectory(invalid()),
    ]
    breakdowns = [
        RewardBreakdown(0.6, 0.4, (StepReward(0, 0.5, 0.0), StepReward(1, 0.1, 0.5)), True),
        RewardBreakdown(0.0, 0.0, (), False),
    ]
    means = describe(trajectories, breakdowns, {"q": asked})
    assert means == pytest.approx(
        {
            "em": 0.0,
            "f1": (2 / 3) / 2,
            "reward/answer": 0.3,
            "reward/search_key": 0.2,
            "reward/information_gain": 0.3,
            "reward/redundancy": 0.25,
            "search/count": 1.0,
            "search/redundancy": (0 + 0.5) / 2 / 2,
            "search/support_recall": 0.25,
            "search/query_words": 1.5,
            "response_length": (3 * 3 + 2 * 2 + 3) / 2,
            "format_valid": 0.5,
            "answered": 0.5,
        }
    )
