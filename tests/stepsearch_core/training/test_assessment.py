from dataclasses import replace

import pytest

from stepsearch_core.params import RewardParams
from stepsearch_core.training.knowledge import FEATURES
from tests.stepsearch_core.training.trainers import PARAMS, QUESTIONS, trainer


def sampled(made, step=1):
    return made.sample(step)[0]


@pytest.mark.slow
@pytest.mark.parametrize("critic", ["value_head", "informed"])
def test_everything_is_of_policy_tokens(warm, retriever, critic):
    made = trainer(warm, retriever, replace(PARAMS, critic=critic))
    trajectories = sampled(made)
    experience, figures = made.assess(trajectories)
    tokens = [len(trajectory.log_probs) for trajectory in trajectories]
    for name in ("old_log_probs", "importance", "reference_log_probs", "advantages"):
        assert [row.shape for row in getattr(experience, name)] == [(count,) for count in tokens]
    for name in ("rewards", "old_values", "returns"):
        assert [row.shape for row in getattr(experience, name)] == [(count, 1) for count in tokens]
    width = len(FEATURES) if critic == "informed" else 0
    assert [row.shape for row in experience.known] == [(count, width) for count in tokens]
    assert [len(experience.states[index]) for index in range(len(tokens))] == tokens
    assert figures["mismatch/masked"] == 0


@pytest.mark.slow
def test_terms_apart_have_values_and_returns_apart(warm, retriever):
    made = trainer(warm, retriever, replace(PARAMS, normalise_terms=True))
    experience, _ = made.assess(sampled(made))
    assert {row.shape[1] for row in experience.returns} == {4}
    assert made.step(1)[0]["value_loss"] > 0


@pytest.mark.slow
def test_the_gain_in_likelihood_takes_the_place_of_the_paper_s(warm, retriever):
    usual, other = (trainer(warm, retriever, likelihood_gains=on) for on in (False, True))
    trajectories = sampled(usual)
    rows = [made.assess(trajectories)[0].breakdowns for made in (usual, other)]
    gains = [[step.information_gain for row in of for step in row.step_rewards] for of in rows]
    assert len(gains[0]) == len(gains[1]) > 0
    assert gains[0] != gains[1]
    assert [row.answer for row in rows[0]] == [row.answer for row in rows[1]]


@pytest.mark.slow
@pytest.mark.parametrize("credit", ["return_to_go", "turn_group"])
def test_credit_by_turn_is_alike_within_a_turn_and_sees_step_rewards(warm, retriever, credit):
    made = trainer(warm, retriever, replace(PARAMS, algorithm="grpo", credit=credit))
    experience, _ = made.assess(sampled(made))
    assert any(row[:-1].any() for row in experience.rewards)  # not at the end alone
    for trajectory, advantages in zip(experience.trajectories, experience.advantages, strict=True):
        turns = [s.turn for s in trajectory.segments if s.log_probs for _ in s.token_ids]
        for turn in set(turns):
            assert len({a for a, own in zip(advantages, turns, strict=True) if own == turn}) == 1


@pytest.mark.slow
def test_groups_without_variance_are_drawn_anew(warm, retriever):
    nothing = RewardParams(
        answer_weight=0, search_key_weight=0, information_gain_weight=0, redundancy_weight=0
    )
    params = replace(PARAMS, algorithm="grpo", resampling_rounds=2, questions_per_step=2)
    made = trainer(warm, retriever, params, nothing)
    metrics, trajectories, _ = made.step(1)  # nobody earns anything: every group is flat
    assert metrics["resampled"] == 4
    assert len(trajectories) == 4
    first = {question.id for question in made.draws.of_step(1)}
    assert not first & {trajectory.question_id for trajectory in trajectories}
    assert {trajectory.question_id for trajectory in trajectories} <= {asked.id for asked in QUESTIONS}
