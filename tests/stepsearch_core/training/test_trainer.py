from dataclasses import replace

import numpy as np
import pytest
import torch

from stepsearch_core.base.types import StopReason
from stepsearch_core.metrics.timing import untimed
from stepsearch_core.params import RewardParams
from stepsearch_core.retrieval.retriever import RetrievalError
from stepsearch_core.rewards.terms import TermError
from stepsearch_core.training import trainer as trainer_module
from stepsearch_core.training.experience import TermsError
from stepsearch_core.training.mismatch import MismatchError
from stepsearch_core.training.statistics import LOGGED
from tests.stepsearch_core.training.trainers import (
    PARAMS,
    QUESTIONS,
    somewhat_off,
    trainer,
    weights,
    with_other_weights,
)


class Unreliable:
    """A service that fails the calls of the given numbers; None: every call."""

    def __init__(self, retriever, failing):
        self.retriever, self.failing, self.calls = retriever, failing, 0

    def search(self, queries, k):
        self.calls += 1
        if self.failing is None or self.calls in self.failing:
            raise RetrievalError("down")
        return self.retriever.search(queries, k)


class Judge:
    """Gives every turn 1; of a question whose id ends so it cannot say."""

    concurrency = 4

    def __init__(self, beyond):
        self.beyond = beyond

    def __call__(self, made, asked):
        if asked.id.endswith(self.beyond):
            raise TermError("timeout", "after 60 s")
        return [1.0] * len(made.turns)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["steppo", "grpo"])
def test_what_a_term_cannot_judge_is_in_no_loss_and_is_counted(warm, retriever, algorithm):
    reward = RewardParams(terms={"judge": 0.5})
    params = replace(PARAMS, algorithm=algorithm, min_survivors=0.0, resampling_rounds=1)
    made = trainer(warm, retriever, params, reward, terms={"judge": Judge(("0", "2"))})
    metrics, sampled, _ = made.step(1)
    lost = [one for one in sampled if one.question_id.endswith(("0", "2"))]
    assert metrics["unjudged"] == len(lost) > 0
    kept = [one for one in sampled if one not in lost]
    assert metrics["reward/terms/judge"] == np.mean([len(one.turns) for one in kept])
    experience, _ = made.assess(sampled)
    assert experience.trajectories == kept


@pytest.mark.slow
def test_what_trajectories_earn_is_asked_once_over_all_ranks_and_never_of_failed_ones(
    warm, retriever, monkeypatch
):
    asked = []

    def term(made, question):
        asked.append(made)
        return [1.0] * len(made.turns)

    reward = RewardParams(terms={"own": 0.5})
    made = trainer(warm, retriever, reward=reward, terms={"own": term})
    sampled, _ = made.sample(1)
    sampled[2].stop_reason = StopReason.RETRIEVAL_FAILED
    whole = made._worths(sampled)
    assert [worth is None for worth in whole] == [one is sampled[2] for one in sampled]
    assert asked == [one for one in sampled if one is not sampled[2]]
    asked.clear()
    monkeypatch.setattr(trainer_module, "own_items", lambda: slice(1, None, 2))
    gathered = []

    def gather(mine):
        gathered.append(mine)
        return whole

    monkeypatch.setattr(trainer_module, "gather", gather)
    assert made._worths(sampled) == whole
    assert gathered == [whole[1::2]]
    assert asked == sampled[1::2]


@pytest.mark.slow
def test_a_judge_that_says_nothing_ends_the_run(warm, retriever):
    made = trainer(warm, retriever, reward=RewardParams(terms={"judge": 0.5}), terms={"judge": Judge("")})
    with pytest.raises(TermsError, match="8 timeout of 8 trajectories"):
        made.step(1)


@pytest.mark.slow
def test_gradient_checkpointing_changes_memory_only(warm, retriever):
    plain = trainer(warm, retriever)
    checkpointed = trainer(warm, retriever, replace(PARAMS, gradient_checkpointing=True))
    for step in (1, 2):
        plain.step(step)
        checkpointed.step(step)
    policy = checkpointed.rollout.engine.model
    assert policy.is_gradient_checkpointing
    assert policy.training
    assert weights(checkpointed).tolist() == pytest.approx(weights(plain).tolist(), abs=1e-6)


@pytest.mark.slow
def test_the_policy_moves_only_after_the_critics_warm_up(warm, retriever):
    made = trainer(warm, retriever)
    before = [parameter.detach().clone() for parameter in made.rollout.engine.model.parameters()]

    def moved():
        now = made.rollout.engine.model.parameters()
        return [not torch.equal(a, b) for a, b in zip(before, now, strict=True)]

    made.step(1)
    assert not any(moved())
    assert made.learner.critic.engine.engine.module.layers[-1].weight.abs().sum() > 0
    made.step(2)
    assert all(moved())
    reference = made.learner._reference.parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, reference, strict=True))


@pytest.mark.slow
def test_without_a_coefficient_there_is_neither_reference_nor_kl(warm, retriever):
    with_kl, without = (
        trainer(warm, retriever),
        trainer(warm, retriever, replace(PARAMS, kl_coefficient=0.0)),
    )
    rows = [made.step(2)[0] for made in (with_kl, without)]
    assert rows[0].keys() - rows[1].keys() == {"kl_reference"}
    assert without.learner._reference is None


@pytest.mark.slow
def test_kl_to_the_start_is_zero_until_the_policy_moves(warm, retriever):
    made = trainer(warm, retriever, replace(PARAMS, learning_rate=1e-3, minibatches=1))
    assert "kl_reference" not in made.step(1)[0]  # the critic learns alone
    distances = [made.step(step)[0]["kl_reference"] for step in (2, 3, 4)]
    assert distances[0] == pytest.approx(0.0, abs=1e-9)
    assert distances[2] > 1e-4


@pytest.mark.slow
def test_outcome_only_ppo_learns_from_the_answer_alone(warm, retriever):
    params = replace(PARAMS, learning_rate=1e-3)
    stepwise = trainer(warm, retriever, params)
    outcome = trainer(warm, retriever, replace(params, algorithm="ppo"))
    explicit = trainer(
        warm,
        retriever,
        params,
        RewardParams(search_key_weight=0, information_gain_weight=0, redundancy_weight=0),
    )
    rows = [[made.step(step)[0] for step in (1, 2)] for made in (stepwise, outcome, explicit)]
    assert rows[0][0]["reward/information_gain"] > 0  # there was something to ignore
    assert rows[1][0]["reward/total"] == pytest.approx(rows[1][0]["reward/answer"], abs=1e-12)
    assert rows[0][0]["reward/total"] != pytest.approx(rows[0][0]["reward/answer"], abs=1e-3)
    assert list(map(untimed, rows[1])) == list(map(untimed, rows[2]))
    assert torch.equal(weights(outcome), weights(explicit))
    assert not torch.equal(weights(outcome), weights(stepwise))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["grpo", "rloo", "reinforce_pp"])
def test_algorithms_without_a_critic_learn_from_the_first_step(warm, retriever, algorithm):
    made = trainer(warm, retriever, replace(PARAMS, algorithm=algorithm, learning_rate=1e-3))
    before = weights(made)
    metrics = made.step(1).metrics
    assert metrics.keys() <= LOGGED.keys()
    assert not torch.equal(weights(made), before)
    assert metrics["reward/total"] == pytest.approx(metrics["reward/answer"])
    assert {"value_loss", "explained_variance"}.isdisjoint(metrics)
    assert metrics["policy_loss"] == pytest.approx(0.0, abs=0.2)  # advantages are centred


@pytest.mark.slow
def test_a_group_is_what_survives_of_its_question(warm, retriever):
    made = trainer(
        warm, Unreliable(retriever, failing={1}), replace(PARAMS, algorithm="grpo", min_survivors=0.0)
    )
    made.rollout.params.batch_size = 3  # so that of a question's two samples one can fail alone
    experience = []
    credit = made.crediting.assign

    def noting(batch):
        experience.append(batch)
        return credit(batch)

    made.crediting.assign = noting
    sampled = made.step(1).sampled
    kept = [t.question_id for t in sampled if t.stop_reason is not StopReason.RETRIEVAL_FAILED]
    assert experience[0].question_ids == kept
    assert len(kept) < 8


@pytest.mark.slow
def test_kl_in_the_reward_is_no_term_of_the_loss(warm, retriever):
    params = replace(
        PARAMS, kl_placement="reward", kl_estimator="k1", kl_coefficient=0.5, learning_rate=1e-2
    )
    made = trainer(warm, retriever, params)
    first, second, third = (made.step(step)[0] for step in (1, 2, 3))
    for metrics in (first, second):  # until the policy has moved its KL is 0
        assert metrics["reward/total"] == pytest.approx(
            metrics["reward/answer"]
            + 0.618 * metrics["reward/search_key"]
            + metrics["reward/information_gain"]
            - 0.2 * metrics["reward/redundancy"],
            abs=1e-5,
        )
    without = third["reward/answer"] + 0.618 * third["reward/search_key"] + third["reward/information_gain"]
    assert third["reward/total"] < without - 0.2 * third["reward/redundancy"] - 1e-3


@pytest.mark.slow
def test_a_sampler_with_other_weights_is_weighed_masked_or_refused(warm, retriever):
    def other_weights(**changes):
        return with_other_weights(trainer(warm, retriever, replace(PARAMS, **changes)), 1.3)

    plain = other_weights(max_mismatch=None).step(2)[0]
    assert plain["mismatch/mean"] > 0.05
    assert plain["clip_frac"] > 0.05  # as if the policy had moved
    weighed = other_weights(max_mismatch=None, importance_sampling="always", importance_cap=1.0).step(2)[0]
    assert weighed["clip_frac"] == 0  # the trainer's own probabilities are the old ones
    assert weighed["policy_loss"] != pytest.approx(plain["policy_loss"], abs=1e-4)
    masked = other_weights(max_mismatch=None, sequence_ratio_limit=1.05).step(1)[0]
    assert 0 < masked["mismatch/masked"] < 8
    with pytest.raises(MismatchError, match=r"1 steps in a row\. Weights that were not pushed"):
        other_weights(max_mismatch=0.01).step(1)  # more than ten times as far off
    with pytest.raises(MismatchError, match="every trajectory is beyond"):
        other_weights(max_mismatch=None, sequence_ratio_limit=1.0001).step(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "algorithm", ["steppo", "grpo"]
)  # of grpo's trajectories one micro-batch is measured first
def test_a_run_survives_a_batch_beyond_the_limit(warm, retriever, caplog, algorithm):
    made = somewhat_off(warm, retriever, algorithm)
    metrics = made.step(2)[0]
    assert 0 < metrics["mismatch/masked"] < 8
    assert metrics["mismatch/steps_beyond"] == 1
    assert f"{metrics['mismatch/masked']} of 8 trajectories are masked" in caplog.text
    made.rollout.engine.model = made.learner.policy
    metrics = made.step(3)[0]
    assert metrics["mismatch/masked"] == metrics["mismatch/steps_beyond"] == 0


@pytest.mark.slow
def test_questions_come_in_epochs_of_permutations(warm, retriever):
    made = trainer(warm, retriever)
    drawn = [[trajectory.question_id for trajectory in made.step(step)[1][::2]] for step in (1, 2, 3, 4)]
    everything = sorted(question.id for question in QUESTIONS)
    assert sorted(drawn[0] + drawn[1]) == sorted(drawn[2] + drawn[3]) == everything
    assert drawn[0] + drawn[1] != drawn[2] + drawn[3]


@pytest.mark.slow
def test_failed_retrievals_reach_no_statistic(warm, retriever):
    made = trainer(warm, Unreliable(retriever, failing={1}), replace(PARAMS, min_survivors=0.0))
    made.rollout.params.batch_size = 3  # so that the first call is not everybody's
    metrics, sampled, _ = made.step(1)
    failed = [trajectory for trajectory in sampled if trajectory.stop_reason is StopReason.RETRIEVAL_FAILED]
    assert 0 < metrics["failed"] == len(failed) < len(sampled) == 8
    kept = [trajectory for trajectory in sampled if trajectory not in failed]
    assert metrics["response_length"] == pytest.approx(
        np.mean([trajectory.response_length for trajectory in kept])
    )


@pytest.mark.slow
def test_a_retriever_that_is_down_is_said(warm, retriever):
    made = trainer(warm, Unreliable(retriever, failing=None), replace(PARAMS, questions_per_step=1))

    def until_every_trajectory_searches():
        for step in range(1, 30):
            made.step(step)

    with pytest.raises(
        RetrievalError,
        match=r"step \d+: 2 retrieval_failed of 2 trajectories; train.min_survivors is 0.5;"
        " the last search that failed: down$",
    ):
        until_every_trajectory_searches()
