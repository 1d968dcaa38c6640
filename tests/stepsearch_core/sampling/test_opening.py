import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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


def test_a_run_gives_vllm_the_share_that_the_plan_promises(monkeypatch):
    """No GPU here: what torch says of one, and the engine that would take the arguments, are stand-ins."""
    import torch

    from stepsearch_core.planning.plan import make_plan
    from stepsearch_core.sampling import opening, vllm_engine
    from stepsearch_core.training.architecture import architecture
    from stepsearch_core.training.memory import held_bytes
    from tests.profiles import profile

    params = profile("paper_7b", "rollout.engine=vllm")
    shape = architecture(params.model, params.tokenizer, params.environment.prompt, params.train)
    states, _ = held_bytes(shape, params.model.dtype, params.train)
    gpu = SimpleNamespace(total_memory=int(params.hardware.gpu_memory_gb * 1e9))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: gpu)
    monkeypatch.setattr(opening, "own_device", lambda: "cuda")
    monkeypatch.setattr(vllm_engine, "VllmEngine", lambda arguments, tokenizer, temperature: arguments)
    arguments: Any = open_engine(
        POLICY,
        WORD,
        Path("policy"),
        params.model,
        params.environment,
        params.rollout,
        held=sum(states.values()),
    )
    promised: Any = make_plan(params).vllm
    assert arguments["gpu_memory_utilization"] == promised["gpu_memory_utilization"] < 0.6
