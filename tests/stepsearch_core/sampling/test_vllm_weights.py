"""New weights for the real vLLM."""

import copy

import numpy as np
import pytest
import torch

from stepsearch_core.policy.adapters import add_adapters
from stepsearch_core.sampling.engine import EngineError
from tests import tiny
from tests.vllm_parts import CAPACITY, FIRST, PROMPTS, SECOND, WORD, expected, needs_vllm, turn, written


@needs_vllm
def test_new_weights_are_those_that_sample(engine):
    prompt = PROMPTS[2]
    for policy in (SECOND, FIRST, SECOND):
        engine.update(policy)
        session = engine.session(1, CAPACITY)
        session.open(0, np.random.default_rng(1))
        made = turn(session, 0, prompt, 20)
        other = FIRST if policy is SECOND else SECOND
        assert made.log_probs == pytest.approx(expected(policy, prompt, made, 0.6), abs=1e-4)
        assert np.abs(np.subtract(made.log_probs, expected(other, prompt, made, 0.6))).max() > 0.1


@needs_vllm
def test_weights_are_copied(engine):
    policy = copy.deepcopy(SECOND)
    engine.update(policy)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.zero_()
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, PROMPTS[2], 20)
    assert made.log_probs == pytest.approx(expected(SECOND, PROMPTS[2], made, 1.0), abs=1e-4)


@needs_vllm
def test_adapters_are_added_into_the_weights(engine):
    policy = copy.deepcopy(FIRST)
    add_adapters(policy, rank=2, alpha=4.0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    engine.update(policy)
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, PROMPTS[2], 20)
    assert made.log_probs == pytest.approx(expected(policy, PROMPTS[2], made, 1.0), abs=1e-4)
    assert np.abs(np.subtract(made.log_probs, expected(FIRST, PROMPTS[2], made, 1.0))).max() > 1e-2


@needs_vllm
def test_weights_of_another_model_are_refused_and_change_nothing(engine):
    deeper = copy.deepcopy(SECOND)
    deeper.model.layers.append(copy.deepcopy(deeper.model.layers[1]))
    more = r"vLLM could not take new weights: model.layers.2.input_layernorm.weight is .+ loaded None"
    with pytest.raises(EngineError, match=more):
        engine.update(deeper)
    wider = tiny.model(WORD)
    with pytest.raises(EngineError, match=r"model.embed_tokens.weight is .+ 32\]\), in .* loaded .+ 64\]\)"):
        engine.update(wider)
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    assert turn(session, 0, PROMPTS[1], 9).token_ids == written(FIRST, PROMPTS[1], 9)[0]
