from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer

from stepsearch_core.base.errors import DataError
from stepsearch_core.learning import deepspeed_engine
from stepsearch_core.learning.actor import Actor
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.learning.deepspeed_config import deepspeed_config
from stepsearch_core.learning.deepspeed_engine import prepare_deepspeed, whole_weights
from stepsearch_core.params import TrainParams
from stepsearch_core.training.learner import Learner
from tests import tiny

WORD = tiny.tokenizer()
BATCH = token_batch(tiny.random_trajectories(WORD, 4), WORD.pad_token_id)
PARAMS = TrainParams(learning_rate=1e-2, critic_learning_rate=1e-2)
KINDS = pytest.mark.parametrize(
    "changes",
    [
        {},
        {"critic": "model"},
        {"lora_rank": 2},
        pytest.param({"zero_stage": 3}, marks=pytest.mark.slow),
        pytest.param(
            {"critic": "model", "lora_rank": 2, "zero_stage": 3, "gradient_checkpointing": True},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"critic": "model", "zero_stage": 2, "offload_optimizer": True, "offload_reference": True},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["head", "critic", "lora", "zero3", "all", "offloaded"],
)


def learner(has_critic=True, **changes):
    return Learner(tiny.model(WORD), replace(PARAMS, **changes), has_critic)


def values_of(made):
    known = np.empty((len(BATCH.targets), 0), dtype=np.float32)
    with torch.no_grad():
        states = made.outputs(BATCH, 1.0).states
    return made.critic(BATCH, states, known)


def learn(made, steps=2):
    """Likelier tokens, and values near 1."""
    for _ in range(steps):
        if made.critic is not None:
            made.critic.engine.accumulate((values_of(made) - 1).square().mean(), last=True)
        made.actor.accumulate(-made.outputs(BATCH, 1.0).log_probs.mean(), last=True)
    made.push()


def log_probs(policy):
    with torch.no_grad():
        return Actor(policy)(BATCH).log_probs.numpy()


def outputs(made):
    with torch.no_grad():
        values = np.zeros(0) if made.critic is None else values_of(made).squeeze(1).numpy()
        return made.outputs(BATCH, 1.0).log_probs.numpy(), values


@pytest.mark.slow
@KINDS
def test_what_samples_is_what_is_trained_and_the_reference_stays(changes):
    made = learner(**changes)
    start = log_probs(tiny.model(WORD))
    learn(made)
    trained, values = outputs(made)
    assert trained.mean() > start.mean() + 0.05
    assert log_probs(made.policy) == pytest.approx(trained, abs=1e-5)
    with torch.no_grad():
        assert made.reference_log_probs(BATCH, 1.0).numpy() == pytest.approx(start, abs=1e-5)
    assert values.mean() > 0


@pytest.mark.slow
@KINDS
def test_a_checkpoint_restores_all_of_it(changes, tmp_path):
    made = learner(**changes)
    learn(made)
    made.save(tmp_path / "step")
    learn(made)
    again = learner(**changes)
    again.load(tmp_path / "step")
    learn(again)
    for one, other in zip(outputs(made), outputs(again), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(log_probs(made.policy), log_probs(again.policy))


@pytest.mark.slow
def test_a_checkpoint_of_another_kind_is_refused(tmp_path):
    learner(critic="value_head").save(tmp_path / "step")
    with pytest.raises(
        DataError, match=r"step/critic: the checkpoint cannot be .* of another kind: .*Unexpected key"
    ):
        learner(critic="model").load(tmp_path / "step")


@pytest.mark.slow
@KINDS
def test_exports_are_plain_folders(changes, tmp_path):
    made = learner(**changes)
    learn(made)
    made.export(WORD, tmp_path)
    policy = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    assert len(AutoTokenizer.from_pretrained(tmp_path / "policy")) == len(WORD)
    trained, values = outputs(made)
    assert log_probs(policy) == pytest.approx(trained, abs=1e-4)
    if "critic" in changes:
        critic = AutoModelForTokenClassification.from_pretrained(tmp_path / "critic")
        with torch.no_grad():
            scores = critic(torch.from_numpy(BATCH.input_ids)).logits[BATCH.predictors].squeeze(-1).numpy()
        assert scores == pytest.approx(values, abs=1e-4)
    else:
        weights = {f"layers.{name}" for name in ("0.weight", "0.bias", "2.weight", "2.bias")}
        assert set(load_file(tmp_path / "critic" / "value_head.safetensors")) == weights


@pytest.mark.slow
def test_without_a_critic_there_is_no_value_to_learn_and_none_to_save(tmp_path):
    made = learner(has_critic=False, critic="model")
    learn(made)
    assert made.critic is None
    made.export(WORD, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"policy"}


def kept_for_the_backward_pass(made, part):
    """Bytes that autograd keeps of one forward pass of the actor or the critic, its weights left out."""
    modules = made.actor.engine.module, made.critic.engine.engine.module
    weights = {weight.untyped_storage().data_ptr() for module in modules for weight in module.parameters()}
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor  # kept, so that no address is used twice
        return tensor

    made.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        made.critic.engine(BATCH) if part == "critic" else made.actor(BATCH, 1.0, False)
    return sum(tensor.untyped_storage().nbytes() for key, tensor in saved.items() if key not in weights)


@pytest.mark.slow
@pytest.mark.parametrize(("part", "rank"), [("actor", 0), ("critic", 0), ("actor", 2)])
def test_gradient_checkpointing_saves_memory_in_whatever_is_trained(part, rank):
    plain, checkpointed = (
        kept_for_the_backward_pass(learner(critic="model", lora_rank=rank, gradient_checkpointing=on), part)
        for on in (False, True)
    )
    assert checkpointed < plain / 2


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 2])
def test_gradient_checkpointing_changes_no_result(rank):
    """Sampling leaves the policy in evaluation mode, in which it would be off."""
    made = []
    for on in (False, True):
        trained = learner(critic="model", lora_rank=rank, gradient_checkpointing=on)
        trained.policy.eval()
        trained.train()
        learn(trained)
        made.append(outputs(trained))
    for one, other in zip(*made, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow
def test_weights_that_zero_3_frees_between_layers_are_there_when_layers_are_computed_again(monkeypatch):
    """It keeps small weights whole, all of them in a model of this size: here it must keep none."""

    def keeping_none(params, bfloat16):
        config = deepspeed_config(params, bfloat16)
        config["zero_optimization"] |= {
            "stage3_param_persistence_threshold": 0,
            "stage3_max_live_parameters": 0,
            "stage3_max_reuse_distance": 0,
        }
        return config

    monkeypatch.setattr(deepspeed_engine, "deepspeed_config", keeping_none)
    changes = {"gradient_checkpointing": True, "offload_reference": True, "offload_optimizer": True}
    sharded, plain = learner(critic="model", zero_stage=3, **changes), learner(critic="model")
    for made in (sharded, plain):
        made.train()
        learn(made)
    first = next(sharded.actor.engine.module.parameters())
    assert first.numel() == 0  # freed
    for one, other in zip(outputs(sharded), outputs(plain), strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.slow
def test_deepspeed_is_prepared_once():
    made = learner(critic="model", zero_stage=3)
    for _ in range(2):
        made.push()
        whole_weights(made.policy)
    assert prepare_deepspeed.cache_info().misses == 1
