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

    gpu = SimpleNamespace(total_memory=0, free=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (gpu.free, gpu.total_memory))
    monkeypatch.setattr(opening, "own_device", lambda: "cuda")
    monkeypatch.setattr(vllm_engine, "VllmEngine", lambda arguments, *others: arguments)
    return gpu


def test_vllm_gets_what_a_trainer_leaves(on_a_gpu):
    on_a_gpu.total_memory = 1000
    arguments: Any = open_engine(
        POLICY,
        WORD,
        Path("policy"),
        ModelParams(),
        tiny.ENVIRONMENT,
        RolloutParams(engine="vllm"),
        held=lambda: 700.0,
    )
    assert arguments["gpu_memory_utilization"] == 0.25


def test_without_a_trainer_vllm_gets_what_is_free(on_a_gpu):
    on_a_gpu.total_memory, on_a_gpu.free = 1000, 500  # an index on the GPU, say
    assert opened(Path("policy"), engine="vllm")["gpu_memory_utilization"] == 0.45
