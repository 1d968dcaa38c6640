from stepsearch_core.params import TrainParams


def test_step_rewards_are_seen_by_steppo_and_by_credit_that_is_given_by_turn():
    names = ("steppo", "ppo", "grpo", "rloo", "reinforce_pp")
    assert [name for name in names if TrainParams(algorithm=name).sees_step_rewards] == ["steppo"]
    for credit in ("return_to_go", "turn_group"):
        assert TrainParams(algorithm="grpo", credit=credit).sees_step_rewards
