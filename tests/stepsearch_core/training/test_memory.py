from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen3Config

from perf.measure import peak_bytes
from stepsearch_core.learning import logit_chunks
from stepsearch_core.learning.token_log_probs import TokenLogProbs
from stepsearch_core.params import TrainParams
from stepsearch_core.sampling.paged_cache import PagedCache
from stepsearch_core.training.architecture import Architecture
from stepsearch_core.training.memory import (
    activation_bytes,
    cache_bytes,
    held_bytes,
    logit_bytes,
    offloaded_bytes,
    offloaded_reference_bytes,
    state_bytes,
)
from tests import tiny

SHAPE = Architecture(
    parameters=0,
    actor=0,
    trained=0,
    critic=0,
    value_head=0,
    layers=3,
    hidden_size=64,
    intermediate_size=160,
    key_value_size=32,
    vocab_size=300,
    normalises_heads=False,
    embeddings=0,
)


def sharded(stage, gpus, **changes):
    return TrainParams(zero_stage=stage, processes=gpus, **changes)


@pytest.mark.parametrize(
    ("dtype", "stage", "expected"),
    [
        ("bfloat16", 0, (200, 200, 1200)),
        ("bfloat16", 1, (200, 200, 300)),
        ("bfloat16", 2, (200, 50, 300)),
        ("bfloat16", 3, (50, 50, 300)),
        ("float32", 0, (400, 400, 800)),
        ("float32", 2, (400, 100, 300)),
    ],
)
def test_states_of_100_parameters_on_4_gpus(dtype, stage, expected):
    assert tuple(state_bytes(100, 100, dtype, sharded(stage, 4)).values()) == expected


def test_frozen_weights_have_neither_gradients_nor_optimizer_states():
    assert tuple(state_bytes(100, 10, "bfloat16", sharded(2, 4)).values()) == (200, 5, 30)


def test_float32_gradients_take_4_bytes_each():
    made = state_bytes(100, 100, "bfloat16", sharded(2, 4, gradient_dtype="float32"))
    assert tuple(made.values()) == (200, 100, 300)


def test_what_is_offloaded_leaves_the_gpu_for_main_memory():
    """100 parameters on 4 GPUs: 12 bytes of states, 4 of gradients for the step, 2 of those that wait."""
    offloaded = sharded(2, 4, offload_optimizer=True, offload_reference=True, kl_coefficient=0.1)
    assert tuple(state_bytes(100, 100, "bfloat16", offloaded).values()) == (200, 50, 0)
    assert offloaded_bytes(100, "bfloat16", offloaded) == 100 * (12 + 4 + 2) / 4
    shape = replace(SHAPE, parameters=100, actor=100, trained=100)
    assert held_bytes(shape, "bfloat16", offloaded)[0] == {"weights": 200, "optimizer states": 0}
    assert offloaded_reference_bytes(shape, "bfloat16", offloaded) == 200 / 4
    plain = sharded(2, 4, kl_coefficient=0.1)
    assert held_bytes(shape, "bfloat16", plain)[0]["reference"] == 200
    assert offloaded_bytes(100, "bfloat16", plain) == 0
    assert offloaded_reference_bytes(shape, "bfloat16", plain) == 0


def test_zero_paper_figure_1():
    """7.5 billion parameters on 64 GPUs: 120 GB without ZeRO, 31.4, 16.6 and 1.9 GB with its stages."""
    totals = [
        sum(state_bytes(7_500_000_000, 7_500_000_000, "bfloat16", sharded(stage, 64)).values()) / 1e9
        for stage in range(4)
    ]
    assert totals == pytest.approx([120, 31.4, 16.6, 1.9], abs=0.05)


def kept_by_autograd(kind, dtype, checkpointing, tokens=(2, 64)):
    """Bytes that the backward pass keeps, as autograd saves them, of a model of `SHAPE`; weights left
    out.
    """
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": SHAPE.layers}
    config = kind(hidden_size=64, intermediate_size=160, vocab_size=300, head_dim=16, **heads)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype).train()
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor  # kept, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.model(input_ids=torch.zeros(tokens, dtype=torch.long), use_cache=False)
    return sum(tensor.untyped_storage().nbytes() for key, tensor in saved.items() if key not in weights)


@pytest.mark.parametrize("kind", [Qwen2Config, Qwen3Config])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_activations_are_those_that_autograd_keeps(kind, dtype):
    shape = replace(SHAPE, normalises_heads=kind is Qwen3Config)
    kept = kept_by_autograd(kind, getattr(torch, dtype), checkpointing=False)
    assert activation_bytes(shape, 2 * 64, dtype, checkpointing=False) == pytest.approx(kept, rel=0.04)


def test_checkpointing_keeps_the_layers_inputs_and_one_layer():
    kept = kept_by_autograd(Qwen2Config, torch.bfloat16, checkpointing=True) / 128
    layer = 8 * 64 + 2 * (6 * 64 + 2 * 32 + 4 * 160)
    assert activation_bytes(SHAPE, 1, "bfloat16", True) - layer == pytest.approx(kept, rel=0.1)
    assert activation_bytes(SHAPE, 1, "bfloat16", True) == 3 * 128 + layer + 6 * 64


def test_the_cache_is_that_of_the_sampler():
    model = tiny.model(tiny.tokenizer())
    cache = PagedCache(model, rows=3, capacity=16, block=8)
    size = cache.keys[:, 1:].nbytes + cache.values[:, 1:].nbytes  # but for the block that is scratch
    shape = Architecture(0, 0, 0, 0, 0, 2, 32, 48, 16, 0, True, 0)
    assert cache_bytes(shape, 3, 16, "float32") == size == 2 * 2 * 3 * 2 * 16 * 8 * 4


def test_logits():
    weights = 4 * 300 * 64
    assert logit_bytes(SHAPE, 10, "float32", gpus=0) == 36 * 300 * 10 + weights
    chunk = 2**25 // (4 * 300)
    assert logit_bytes(SHAPE, 10**6, "float32", gpus=0) == 36 * 300 * chunk + weights


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("entropy_gradient", [False, True])
def test_logits_take_what_torch_allocates_however_many_tokens(dtype, entropy_gradient, monkeypatch):
    monkeypatch.setattr(logit_chunks, "CHUNK_BYTES", 4 * 2000 * 100)  # 100 tokens
    head = torch.nn.Linear(64, 2000, bias=False, dtype=getattr(torch, dtype))
    hidden = torch.randn(1000, 64, dtype=head.weight.dtype, requires_grad=True)
    targets = torch.zeros(1000, dtype=torch.long)

    def both_passes():
        log_probs, entropy = TokenLogProbs(entropy_gradient)(hidden, head, targets, 1.0, True)
        (log_probs + entropy).sum().backward()

    planned = logit_bytes(replace(SHAPE, vocab_size=2000), 1000, dtype, gpus=0)
    assert (0.8 if entropy_gradient else 0.5) < peak_bytes(both_passes) / planned < 1.1
