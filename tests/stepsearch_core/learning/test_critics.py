import pytest
import torch

from stepsearch_core.learning.actor import token_states
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.learning.critics import CriticModel, InformedHead, ValueHead
from tests import tiny

WORD = tiny.tokenizer()
BATCH = token_batch(tiny.random_trajectories(WORD, 6), WORD.pad_token_id)


@pytest.mark.parametrize("values", [1, 3])
@pytest.mark.parametrize("informed", [False, True])
def test_the_values_of_a_head_start_at_zero_and_are_as_many_as_asked_for(values, informed):
    head = InformedHead(8, 2, values) if informed else ValueHead(8, values)
    states, known = torch.randn(5, 8), torch.randn(5, 2)
    assert head(states, known).tolist() == [[0.0] * values] * 5
    torch.nn.init.normal_(list(head.parameters())[-2])
    assert head(states, known).shape == (5, values)


def test_what_is_known_changes_the_values_of_an_informed_head():
    torch.manual_seed(0)
    head = InformedHead(8, known=2)
    torch.nn.init.normal_(list(head.parameters())[-2])
    states = torch.randn(5, 8)
    assert not torch.equal(head(states, torch.zeros(5, 2)), head(states, torch.ones(5, 2)))


def test_a_head_computes_in_float32_whatever_the_policy_does():
    head = ValueHead(8)
    assert head(torch.randn(5, 8).bfloat16(), torch.empty(5, 0)).dtype is torch.float32


def test_a_critic_model_starts_as_the_policy_with_values_of_zero_and_shares_nothing():
    policy = tiny.model(WORD)
    critic = CriticModel(policy)
    with torch.no_grad():
        assert critic(BATCH).shape == (len(BATCH.targets), 1)
        assert critic(BATCH).abs().max() == 0
        assert torch.equal(token_states(critic.critic, BATCH), token_states(policy, BATCH))
        critic.critic.base_model.get_input_embeddings().weight.mul_(2.0)
        critic.critic.score.weight.fill_(1.0)
        assert critic(BATCH).abs().max() > 0
        assert not torch.equal(token_states(critic.critic, BATCH), token_states(policy, BATCH))
    (critic(BATCH) - 1).square().sum().backward()
    assert all(parameter.grad is not None for parameter in critic.critic.base_model.parameters())
