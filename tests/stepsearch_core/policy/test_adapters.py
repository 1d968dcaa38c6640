import copy

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from stepsearch_core.base.errors import DataError
from stepsearch_core.learning.actor import Actor
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.policy.adapters import add_adapters, plain_shapes, plain_weights, without_adapters
from stepsearch_core.policy.models import load_policy, save_policy
from tests import tiny

WORD = tiny.tokenizer()
BATCH = token_batch(tiny.random_trajectories(WORD, 4), WORD.pad_token_id)


def log_probs(policy):
    with torch.no_grad():
        return Actor(policy)(BATCH).log_probs


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


def test_added_in_they_are_an_ordinary_model(adapted, tmp_path):
    policy, before = adapted
    shapes = {name: parameter.shape for name, parameter in before.named_parameters()}
    assert list(plain_shapes(policy).items()) == list(shapes.items()) == list(plain_shapes(before).items())
    save_policy(policy, WORD, tmp_path / "policy", dict(plain_weights(policy)))
    loaded, _ = load_policy(tmp_path / "policy")
    assert plain_shapes(loaded) == shapes
    assert log_probs(loaded).tolist() == pytest.approx(log_probs(policy).tolist(), abs=1e-4)


def test_one_weight_after_the_other_and_none_that_has_no_adapter_is_copied(adapted):
    policy, before = adapted
    own = dict(policy.named_parameters())
    places = {parameter.data_ptr() for parameter in own.values()}
    adapted_ones = {name for name, weight in plain_weights(policy) if weight.data_ptr() not in places}
    assert len(adapted_ones) == 2 * 7  # layers, and linear layers of each
    weights, kept = plain_weights(policy), dict(plain_weights(before))
    name = next(name for name, weight in weights if weight.data_ptr() not in places)
    layer = name.removesuffix(".weight")
    down, up = (own[f"{layer}.lora_{part}.default.weight"] for part in "AB")
    expected = kept[name] + 4.0 * up @ down  # 8 / rank
    again = dict(plain_weights(policy))[name]
    assert torch.allclose(again, expected, atol=1e-5)
    assert not torch.allclose(again, kept[name], atol=1e-2)


def test_in_bfloat16_a_sum_is_rounded_once(adapted):
    policy = adapted[0].to(torch.bfloat16)
    parameters = dict(policy.named_parameters())
    name = "model.layers.0.mlp.up_proj"
    parts = ("base_layer", "lora_A.default", "lora_B.default")
    base, down, up = (parameters[f"{name}.{part}.weight"].double() for part in parts)
    exact = base + 4.0 * up @ down
    assert torch.equal(dict(plain_weights(policy))[f"{name}.weight"], exact.float().to(torch.bfloat16))


def test_a_model_without_a_layer_to_adapt_is_refused():
    policy = AutoModelForCausalLM.from_config(
        AutoConfig.for_model("llama", num_hidden_layers=0, hidden_size=32, vocab_size=9)
    )
    with pytest.raises(
        DataError, match=r"field 'train\.lora_rank': 4, but no layer of LlamaForCausalLM takes"
    ):
        add_adapters(policy, rank=4, alpha=8.0)
