import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.types import Author, Passage, RewardBreakdown, Segment, StepReward, Trajectory
from stepsearch_core.params import RewardParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import score
from stepsearch_core.rewards.composition import outcome_only, token_rewards
from tests.oracles.episodes import answer, invalid, question, search, trajectory

PAPER = RewardParams(redundancy_weight=1.0)
PARTS = RewardBreakdown(1.0, 0.9, (StepReward(0, 1.0, 0.0), StepReward(1, 0.0, 1.0)), True)


def test_each_reward_sits_on_its_token():
    # 4 prompt tokens, then 3 policy tokens a turn with 2 environment tokens between: turns end at 6, 11, 16
    rewards = token_rewards(trajectory(search("x"), search("y"), answer("z")), PARTS, PAPER)
    expected = np.zeros(17)
    expected[[6, 11, 16]] = [1.0, -1.0, 1 + 0.618 * 0.9]
    assert rewards.dtype == np.float64
    assert rewards.tolist() == pytest.approx(expected.tolist())
    assert rewards[16] == pytest.approx(1.5562)


def test_weights():
    params = RewardParams(
        answer_weight=2.0, search_key_weight=0.5, information_gain_weight=3.0, redundancy_weight=0.25
    )
    parts = RewardBreakdown(0.5, 0.4, (StepReward(0, 0.2, 0.6),), True)
    rewards = token_rewards(trajectory(search("x"), answer("z")), parts, params)
    assert rewards[[6, 11]].tolist() == pytest.approx([3 * 0.2 - 0.25 * 0.6, 2 * 0.5 + 0.5 * 0.4])


def test_rewards_on_the_same_token_add_up():
    parts = RewardBreakdown(0.0, 0.5, (StepReward(0, 0.5, 0.0), StepReward(1, 0.25, 0.5)), False)
    rewards = token_rewards(trajectory(search("x"), search("y")), parts, PAPER)
    assert rewards[11] == pytest.approx(0.25 - 0.5 + 0.618 * 0.5)


def test_an_observation_at_the_end_carries_nothing():
    episode = trajectory(search("x"))
    episode.segments.append(Segment(Author.ENVIRONMENT, 0, [3] * 5))
    rewards = token_rewards(episode, RewardBreakdown(0.0, 1.0, (StepReward(0, 0.5, 0.0),), False), PAPER)
    assert np.flatnonzero(rewards).tolist() == [6]


def test_a_reward_without_a_policy_token_is_an_error():
    episode = trajectory(search("x"), answer("z"))
    with pytest.raises(ValueError, match="question q: no policy token in turn 2"):
        token_rewards(episode, RewardBreakdown(0.0, 0.0, (StepReward(2, 0.5, 0.0),), True), PAPER)
    episode.segments = [segment for segment in episode.segments if segment.author is not Author.POLICY]
    with pytest.raises(ValueError, match="question q: the policy wrote no token"):
        token_rewards(episode, RewardBreakdown(1.0, 0.0, (), True), PAPER)


def test_an_empty_policy_segment_is_not_a_place():
    episode = Trajectory(
        "q", 0, [Segment(Author.PROMPT, 0, [1]), Segment(Author.POLICY, 0, [])], [search("x")]
    )
    with pytest.raises(ValueError, match="wrote no token"):
        token_rewards(episode, RewardBreakdown(0.0, 0.0, (), False), PAPER)


def test_outcome_only_leaves_the_answer():
    params = RewardParams()
    rewards = token_rewards(trajectory(search("x"), search("y"), answer("z")), PARTS, outcome_only(params))
    assert np.flatnonzero(rewards).tolist() == [16]
    assert rewards[16] == 1.0
    assert params == RewardParams()


PASSAGES = {
    str(i): Passage(str(i), "", text)
    for i, text in enumerate(["red apple", "red car", "blue sky", "car sky"])
}
SIMILARITY = TfidfSimilarity.fit(PASSAGES.values())
searches = st.lists(st.sampled_from(sorted(PASSAGES)), max_size=3, unique=True).map(
    lambda ids: search("red", *ids)
)
turns = st.lists(st.one_of(searches, st.just(invalid())), min_size=1, max_size=5)
weights = st.floats(0, 2)


@given(turns, weights, weights)
def test_no_reward_off_the_policy_and_no_step_reward_above_zero_for_known_passages(
    turns, gain_weight, repeat_weight
):
    params = RewardParams(information_gain_weight=gain_weight, redundancy_weight=repeat_weight)
    episode = trajectory(*turns, answer("Paris"))
    parts = score(episode, question((["0"], ["red apple"]), (["3"], [])), SIMILARITY)
    rewards = token_rewards(episode, parts, params)
    assert not rewards[~np.array(episode.policy_mask)].any()
    seen: set[str] = set()
    for reward in parts.step_rewards:
        found = set(turns[reward.turn].passage_ids)
        placed = rewards[6 + 5 * reward.turn]
        assert placed == pytest.approx(
            gain_weight * reward.information_gain - repeat_weight * reward.redundancy
        )
        if found <= seen:
            assert placed <= 0.0
        seen |= found
    assert rewards.sum() <= gain_weight + params.answer_weight + params.search_key_weight + 1e-9
