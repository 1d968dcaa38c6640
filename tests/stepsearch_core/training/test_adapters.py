import copy

import pytest
import torch
from transformers import AutoModelForCausalLM

from stepsearch_core.learning.actor_critic import Likelihood
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.training.adapters import add_adapters, merged, without_adapters
from tests import tiny

WORD = tiny.tokenizer()
BATCH = token_batch(tiny.random_trajectories(WORD, 4), WORD.pad_token_id)


def log_probs(policy):
    with torch.no_grad():
        return Likelihood(policy)(BATCH)


@pytest.fixture
def adapted():
    """A policy with adapters that say something, and the policy as it was."""
    policy = tiny.model(WORD)
    before = copy.deepcopy(policy)
    add_adapters(policy, rank=2, alpha=8.0)
    assert torch.equal(log_probs(policy), log_probs(before))
    torch.manual_seed(0)
    for parameter in policy.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter)
    return policy, before


def test_only_the_adapters_of_linear_layers_are_trained(adapted):
    trained = {name for name, parameter in adapted[0].named_parameters() if parameter.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    assert {name.split(".")[4] for name in trained} == {
        *("q_proj", "k_proj", "v_proj", "o_proj"),
        *("gate_proj", "up_proj", "down_proj"),
    }
    assert not any("lm_head" in name for name in trained)


def test_without_them_the_policy_is_as_it_was(adapted):
    policy, before = adapted
    with without_adapters(policy):
        assert torch.equal(log_probs(policy), log_probs(before))
    assert not torch.allclose(log_probs(policy), log_probs(before), atol=1e-2)


def test_merged_they_are_an_ordinary_model(adapted, tmp_path):
    policy, before = adapted
    plain = merged(policy)
    assert [name for name, _ in plain.named_parameters()] == [name for name, _ in before.named_parameters()]
    plain.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert log_probs(loaded).tolist() == pytest.approx(log_probs(policy).tolist(), abs=1e-4)
