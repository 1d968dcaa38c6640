from dataclasses import replace

import numpy as np
import pytest
import torch

from stepsearch_core.base.types import RewardBreakdown, StepReward, StopReason
from stepsearch_core.metrics.measures import Rules
from stepsearch_core.params import RewardParams
from stepsearch_core.rewards.terms import TermError
from stepsearch_core.training.experience import (
    Experience,
    TermsError,
    describe,
    judged,
    policy_rewards,
    subtract_kl,
    usable,
    weights_apart,
    without_overlong,
)
from tests.oracles import episodes
from tests.oracles.episodes import answer, invalid, search, trajectory

PLAIN = RewardBreakdown(0.5, 0.25, (), True)


def test_what_could_not_be_judged_is_left_out():
    made = [trajectory(answer(name)) for name in "abc"]
    scored: list = [PLAIN, TermError("timeout", "after 60 s"), replace(PLAIN, answer=1.0)]
    kept, breakdowns = judged(made, scored, 0.5)
    assert [id(one) for one in kept] == [id(made[0]), id(made[2])]
    assert [breakdown.answer for breakdown in breakdowns] == [0.5, 1.0]


def test_too_few_judged_is_an_error_that_counts_reasons():
    made = [trajectory(answer(name)) for name in "abcd"]
    failures: list = [
        TermError("timeout", "after 60 s"),
        TermError("refused", "404"),
        TermError("timeout", "x"),
    ]
    with pytest.raises(
        TermsError, match=r"1 refused, 2 timeout of 4 trajectories; the first: after 60 s; .* is 0.5"
    ):
        judged(made, [*failures, PLAIN], 0.5)
    assert judged(made, [*failures, PLAIN], 0.25) == ([made[3]], [PLAIN])
    with pytest.raises(TermsError):
        judged(made[:3], failures, 0.0)


def test_terms_of_one_s_own_are_described_summed_over_turns():
    made = trajectory(search("a", "p"), answer("Paris"))
    scored = replace(PLAIN, terms={"own:term": (0.25, 0.5)})
    asked = episodes.question()
    assert describe([made], [scored], {"q": asked}, Rules())["reward/terms/own:term"] == 0.75


def test_kl_is_taken_from_the_reward_of_every_token():
    # log-ratios of reference to policy: -.5, 1; k1 = .5, -1; k2 = .125, .5; k3 = exp(-.5) - 1 + .5, exp(1) -
    # 1 - 1
    rewards, ours, theirs = [np.array([[0.0], [1.0]])], [np.array([-1.0, -2.0])], [np.array([-1.5, -1.0])]
    for kind, kl in (("k1", [0.5, -1.0]), ("k2", [0.125, 0.5]), ("k3", [0.1065307, 0.7182818])):
        (row,) = subtract_kl(rewards, ours, theirs, 0.1, kind)
        assert row[:, 0].tolist() == pytest.approx([-0.1 * kl[0], 1 - 0.1 * kl[1]], abs=1e-7)


def test_rewards_of_policy_tokens_are_those_of_the_whole_trajectory_without_the_environments():
    made = trajectory(search("a", "p"), invalid(), answer("Paris"))  # 3 policy tokens a turn
    breakdown = RewardBreakdown(0.5, 0.25, (StepReward(0, 0.75, 1.0),), False)
    params = RewardParams(
        answer_weight=2.0, search_key_weight=1.0, information_gain_weight=1.0, redundancy_weight=0.5
    )
    assert policy_rewards(made, breakdown, params)[:, 0].tolist() == [0, 0, 0.25, 0, 0, 0, 0, 0, 1.25]


def test_rewards_apart_are_unweighted_and_those_without_a_weight_are_left_out():
    made = trajectory(search("a", "p"), answer("Paris"))
    breakdown = RewardBreakdown(0.5, 0.25, (StepReward(0, 0.75, 1.0),), False)
    params = RewardParams(
        answer_weight=2.0, search_key_weight=0.0, information_gain_weight=1.0, redundancy_weight=0.5
    )
    assert weights_apart(params) == {"answer": 2.0, "information_gain": 1.0, "redundancy": -0.5}
    apart = policy_rewards(made, breakdown, params, apart=True)
    assert apart.tolist() == [[0, 0, 0], [0, 0, 0], [0, 0.75, 1.0], [0, 0, 0], [0, 0, 0], [0.5, 0, 0]]
    whole = policy_rewards(made, breakdown, params)
    assert (apart @ [2.0, 1.0, -0.5]).tolist() == whole[:, 0].tolist()


def test_failed_retrievals_are_left_out():
    made = [trajectory(search("a")), trajectory(search("a")), trajectory(answer("b"))]
    made[1].stop_reason = StopReason.RETRIEVAL_FAILED
    assert usable(made) == [made[0], made[2]]


OTHER_REASONS = (
    *("invalid/no_action", "invalid/broken_tag", "invalid/text_outside"),
    *("invalid/empty_search", "invalid/empty_answer", "invalid/last_turn"),
)


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
    means = describe(trajectories, breakdowns, {"q": asked}, Rules())
    assert means == pytest.approx(
        {
            "em": 0.0,
            "f1": (2 / 3) / 2,
            "reward/answer": 0.3,
            "reward/search_key": 0.2,
            "reward/information_gain": 0.3,
            "reward/redundancy": 0.25,
            "cover_em": 0.5,
            "searches": 1.0,
            "redundancy": (0 + 0.5) / 2 / 2,
            "support_recall": 0.25,
            "support_precision": 1 / 3,
            "over_search": 0.0,
            "under_search": 0.5,
            "written_tokens": (3 * 3 + 3) / 2,
            "query_words": 1.5,
            "response_length": (3 * 3 + 2 * 2 + 3) / 2,
            "format_valid": 0.5,
            "invalid_turns": 0.5,
            "invalid/not_one_action": 0.5,
            **dict.fromkeys(OTHER_REASONS, 0.0),
            "hidden_passages": 0.0,
            "cut_passages": 0.0,
            "prompt_too_long": 0.0,
            "answered": 0.5,
            "reward/format": 0.5,
        }
    )


def test_what_no_trajectory_has_is_left_out_and_not_zero():
    asked = episodes.question()
    means = describe(
        [trajectory(answer("x"))], [RewardBreakdown(0.0, 0.0, (), False)], {"q": asked}, Rules()
    )
    assert means["searches"] == 0
    assert not {"query_words", "support_recall"} & means.keys()


def made_of(stop_reasons):
    rows = [np.full(2, float(number)) for number in range(len(stop_reasons))]
    trajectories = [trajectory(answer("x")) for _ in stop_reasons]
    for made, reason in zip(trajectories, stop_reasons, strict=True):
        made.stop_reason = reason
    states = {number: torch.full((2, 3), float(number)) for number in range(len(stop_reasons))}
    lists = [list(rows) for _ in range(8)]
    return Experience(trajectories, list(stop_reasons), *lists[:7], known=lists[7], states=states)  # type: ignore[arg-type, misc]


def test_overlong_trajectories_are_left_out_with_all_their_rows():
    made = made_of([StopReason.ANSWERED, StopReason.LENGTH_LIMIT, StopReason.TURN_LIMIT])
    kept = without_overlong(made)
    assert kept.trajectories == [made.trajectories[0], made.trajectories[2]]
    for rows in (kept.advantages, kept.returns, kept.old_values, kept.known):
        assert [row.tolist() for row in rows] == [[0.0, 0.0], [2.0, 2.0]]
    assert {number: states[0, 0].item() for number, states in kept.states.items()} == {0: 0.0, 1: 2.0}


def test_a_step_of_overlong_trajectories_alone_stays_as_it_is():
    made = made_of([StopReason.LENGTH_LIMIT] * 2)
    assert without_overlong(made) is made
