import numpy as np
import pytest
import torch

from stepsearch_core.learning.actor_critic import ActorCritic, Critic, Likelihood, token_states
from stepsearch_core.learning.batching import token_batch
from tests import tiny

WORD = tiny.tokenizer()
TRAJECTORIES = tiny.random_trajectories(WORD, 6)
BATCH = token_batch(TRAJECTORIES, WORD.pad_token_id)


def actor_critic():
    """With a value head whose last layer is no longer zero."""
    module = ActorCritic(tiny.model(WORD, sharpness=2.0))
    assert isinstance(module.value_head, torch.nn.Sequential)
    last = module.value_head[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.normal_(last.weight)
    return module


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_log_probs_are_those_of_full_passes_without_padding(temperature):
    module = actor_critic()
    with torch.no_grad():
        expected = torch.cat([tiny.plain_log_probs(module.policy, t, temperature) for t in TRAJECTORIES])
        outputs = module(BATCH, temperature)
        alone = Likelihood(module.policy)(BATCH, temperature)
    assert outputs.log_probs.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    assert alone.tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_logits_where_needed_equal_full_logits():
    module = actor_critic()
    with torch.no_grad():
        full = module.policy(torch.from_numpy(BATCH.input_ids)).logits[BATCH.predictors]
        some = module.policy.lm_head(token_states(module.policy, BATCH))
        entropy = torch.distributions.Categorical(logits=full).entropy()
        assert torch.allclose(some, full, atol=1e-5)
        assert module(BATCH).entropy.tolist() == pytest.approx(entropy.tolist(), abs=1e-5)


def test_padding_and_the_rows_beside_change_nothing():
    module = actor_critic()
    other = token_batch(TRAJECTORIES, pad_token_id=7)
    assert not np.array_equal(other.input_ids, BATCH.input_ids)
    with torch.no_grad():
        one, same = module(BATCH), module(other)
        rows = [module(token_batch([trajectory], WORD.pad_token_id)) for trajectory in TRAJECTORIES]
    for name in ("log_probs", "entropy", "values"):
        values = getattr(one, name).tolist()
        assert getattr(same, name).tolist() == values
        assert torch.cat([getattr(row, name) for row in rows]).tolist() == pytest.approx(values, abs=1e-5)


def test_the_value_loss_sends_no_gradient_into_the_policy():
    module = actor_critic()
    (module(BATCH).values - 1).square().sum().backward()
    assert all(parameter.grad is None for parameter in module.policy.parameters())
    assert all(parameter.grad.abs().sum() > 0 for parameter in module.value_head.parameters())


def test_the_policy_loss_sends_no_gradient_into_the_value_head():
    module = actor_critic()
    outputs = module(BATCH)
    (outputs.log_probs.sum() + outputs.entropy.sum()).backward()
    assert all(parameter.grad is None for parameter in module.value_head.parameters())
    assert all(parameter.grad is not None for parameter in module.policy.parameters())


def test_values_start_at_zero_and_come_from_the_state_before_the_token():
    policy = tiny.model(WORD)
    assert ActorCritic(policy)(BATCH).values.abs().max() == 0
    module = actor_critic()
    changed = token_batch(TRAJECTORIES, WORD.pad_token_id)
    last = {row: index for index, row in enumerate(changed.rows)}  # each row's last policy token
    for row, index in last.items():
        changed.input_ids[row, changed.positions[index]] = 5
    with torch.no_grad():
        assert module(changed).values.tolist() == module(BATCH).values.tolist()


def test_without_a_value_head_values_are_zero_and_the_rest_is_the_same():
    policy = tiny.model(WORD)
    bare, headed = ActorCritic(policy, with_value_head=False), ActorCritic(policy)
    assert bare(BATCH).values.abs().max() == 0
    assert torch.equal(bare(BATCH).log_probs, headed(BATCH).log_probs)
    assert list(bare.parameters()) == list(policy.parameters())


def test_a_critic_model_starts_as_the_policy_with_values_of_zero_and_shares_nothing():
    policy = tiny.model(WORD)
    critic = Critic(policy)
    with torch.no_grad():
        assert critic(BATCH).abs().max() == 0
        assert torch.equal(token_states(critic.critic, BATCH), token_states(policy, BATCH))
        critic.critic.base_model.get_input_embeddings().weight.mul_(2.0)
        critic.critic.score.weight.fill_(1.0)
        assert critic(BATCH).abs().max() > 0
        assert not torch.equal(token_states(critic.critic, BATCH), token_states(policy, BATCH))
    (critic(BATCH) - 1).square().sum().backward()
    assert all(parameter.grad is not None for parameter in critic.critic.base_model.parameters())
