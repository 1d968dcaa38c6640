"""Every stage with a real language model and the real vLLM, as a user runs them: where STEPSEARCH_SMOLLM
names a folder with SmolLM2-135M-Instruct.
"""

import json
import os
from pathlib import Path

import pytest
from safetensors.torch import load_file

from stepsearch_core.base.io import read_jsonl
from tests.checkout import copy_checkout, dvc, profile
from tests.vllm_parts import needs_vllm

SHORT = (
    "tokenizer.kind=pretrained",
    "environment.chat_template=true",
    "environment.max_searches=2",
    "environment.max_turn_tokens=48",
    "environment.max_observation_tokens=150",
    "environment.max_trajectory_tokens=700",
    "rollout.engine=vllm",
    "rollout.batch_size=4",
    "synthesize.validation_questions=2",
    "warmstart.epochs=0",
    "train.processes=2",
    "train.steps=2",
    "train.questions_per_step=4",
    "train.minibatches=1",
    "train.micro_batch_tokens=1500",
    "train.lora_rank=4",
    "train.learning_rate=0.01",
    "train.entropy_coefficient=0.1",  # something to learn, though nothing is answered
    "train.critic_warmup_steps=0",
    "evaluate.processes=2",
    "evaluate.questions=2",
    "evaluate.benchmarks=[musique]",
    "evaluate.bootstrap_samples=10",
)


@needs_vllm
def test_sampler_and_trainer_agree_step_after_step_on_two_ranks(tmp_path):
    """Steps, pushes of adapters, sleep between them, validation and evaluation; in float32, so that weights
    that were not pushed could not hide behind rounding.
    """
    model = os.environ.get("STEPSEARCH_SMOLLM")
    if not model:
        pytest.skip("STEPSEARCH_SMOLLM names no folder with SmolLM2-135M-Instruct")
    folder = copy_checkout(tmp_path)
    profile(folder, "micro", f"model.source={Path(model).resolve()}", *SHORT)
    dvc(folder, "repro", "evaluate")
    data = folder / "data"
    steps = [row for _, row in read_jsonl(data / "train" / "metrics.jsonl")]
    assert [row["step"] for row in steps] == [0, 1, 2]
    for row in steps[1:]:
        assert 0 < row["mismatch/mean"] < 1e-4
        assert row["mismatch/max"] < 1e-2
    before, after = (
        load_file(data / stage / "policy" / "model.safetensors") for stage in ("warmstart", "train")
    )
    name = "model.layers.0.self_attn.q_proj.weight"
    assert (after[name] - before[name]).abs().max() > 1e-4
    evaluated = json.loads((data / "evaluate" / "metrics.json").read_text())
    assert evaluated["trained"]["musique"]["f1"]["n"] == 2
