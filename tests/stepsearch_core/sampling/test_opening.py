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


@pytest.fixture
def on_a_gpu(monkeypatch):
    """No GPU here: what torch says of one, and the engine that would take the arguments, are stand-ins."""
    import torch

    from stepsearch_core.sampling import opening, vllm_engine

    gpu = SimpleNamespace(total_memory=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: gpu)
    monkeypatch.setattr(opening, "own_device", lambda: "cuda")
    monkeypatch.setattr(vllm_engine, "VllmEngine", lambda arguments, tokenizer, temperature: arguments)
    return gpu


def test_a_run_gives_vllm_the_share_that_the_plan_promises(on_a_gpu):
    from stepsearch_core.planning.plan import make_plan
    from stepsearch_core.training.architecture import architecture
    from stepsearch_core.training.memory import held_bytes
    from tests.profiles import profile

    params = profile("paper_7b", "rollout.engine=vllm")
    shape = architecture(params.model, params.tokenizer, params.environment.prompt, params.train)
    states, _ = held_bytes(shape, params.model.dtype, params.train)
    on_a_gpu.total_memory = int(params.hardware.gpu_memory_gb * 1e9)
    arguments: Any = open_engine(
        POLICY,
        WORD,
        Path("policy"),
        params.model,
        params.environment,
        params.rollout,
        held=lambda: sum(states.values()),
    )
    promised: Any = make_plan(params).vllm
    assert arguments["gpu_memory_utilization"] == promised["gpu_memory_utilization"] < 0.6


def test_without_a_trainer_the_policy_itself_lies_beside_vllm(on_a_gpu):
    weights = sum(parameter.nbytes for parameter in POLICY.parameters())
    on_a_gpu.total_memory = 2 * weights
    assert opened(Path("policy"), engine="vllm")["gpu_memory_utilization"] == pytest.approx(0.45, abs=0.01)
