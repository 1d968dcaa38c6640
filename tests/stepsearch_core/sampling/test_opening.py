import importlib.util

import pytest

from stepsearch_core.params import ModelParams, RolloutParams
from stepsearch_core.sampling.engine import EngineError
from stepsearch_core.sampling.opening import open_engine
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import tiny

WORD = tiny.tokenizer()
POLICY = tiny.model(WORD)


def opened(folder, **rollout):
    return open_engine(POLICY, WORD, folder, ModelParams(), tiny.ENVIRONMENT, RolloutParams(**rollout))


def test_transformers_samples_from_the_policy_itself_at_the_temperature_asked_for(tmp_path):
    engine = opened(tmp_path, engine="transformers", temperature=0.5)
    assert isinstance(engine, TransformersEngine)
    assert engine.in_place
    assert engine.model is POLICY  # and reads no folder
    assert engine.temperature == 0.5


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_its_packages_are_named(tmp_path):
    POLICY.save_pretrained(tmp_path)
    with pytest.raises(EngineError, match=r"rollout\.engine is vllm, which is not installed: pip install"):
        opened(tmp_path, engine="vllm")
