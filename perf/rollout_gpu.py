"""Decoding with randomly initialised Qwen2.5 shapes on one GPU: tokens a second, as a share of the possible.

A pass has to read every weight once and the keys and values of all contexts; the GPU's bandwidth says how
often that can be. Three ways to get there: transformers with CUDA graphs, without them, and vLLM where it is
installed. Each decodes the same number of contexts, all of them all the time: prefills are measured by turns
of one token and taken off. Nothing is retrieved. It has never been run on a GPU; on a CPU its parts have,
with a tiny shape, without vLLM.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen2Config

from perf.measure import in_turn, report, seconds
from perf.workload import default_params
from stepsearch_core.base.streams import Name, seed_torch, stream
from stepsearch_core.policy.models import parameter_count, save_policy
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.sampling.engine import Engine, Generation, Session, TurnRequest
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.sampling.vllm_arguments import GPU_MEMORY_SHARE
from stepsearch_core.training.architecture import QWEN25

BANDWIDTH = {
    "NVIDIA H200": 4.8e12,
    "NVIDIA H100 80GB HBM3": 3.35e12,
    "NVIDIA A100-SXM4-80GB": 2.039e12,
}
"""Bytes a second, from NVIDIA's data sheets, by how the device's name begins."""
SIZES, SLOTS = ("0.5B", "3B"), (64, 256)
PROMPT, TURN = 512, 256


def main(quick: bool) -> None:
    """Measure both sizes on the first GPU; without one say so."""
    if not torch.cuda.is_available():
        sys.exit("rollout_gpu: needs a CUDA GPU, there is none")
    name = torch.cuda.get_device_name()
    bandwidth = next((known for start, known in BANDWIDTH.items() if name.startswith(start)), None)
    if bandwidth is None:
        sys.exit(
            f"rollout_gpu: the bandwidth of {name} is not known; add it to BANDWIDTH from its data sheet"
        )
    figures: dict[str, float] = {}
    both_sides: dict[str, list[float]] = {}
    repeats, turn = (2, 64) if quick else (5, TURN)
    for size in SIZES:
        config = Qwen2Config(**QWEN25[size])
        with ProcessPoolExecutor(1, get_context("spawn")) as process:  # vLLM can sleep once a process
            measured = process.submit(measure, config, turn, repeats).result()
        for (side, slots), rates in measured.items():
            case = f"{side}_{size}_{slots}"
            limit = decoding_limit(config, slots, PROMPT + turn / 2, bandwidth)
            figures[f"tokens_per_second_{case}"] = statistics.median(rates)
            figures[f"bandwidth_share_{case}"] = statistics.median(rates) / limit
            both_sides[case] = rates
    report(
        "rollout_gpu", figures, both_sides, repeats, [PROMPT, turn, SLOTS, SIZES], gpu=name, turn_tokens=turn
    )


def measure(
    config: Qwen2Config, turn: int, repeats: int, all_slots: Sequence[int] = SLOTS, prompt: int = PROMPT
) -> dict[tuple[str, int], list[float]]:
    """Tokens a second of each engine with each number of contexts.

    Sessions last over the rounds, so that graphs are captured in the first one, which does not count.
    """
    draw = stream(0, Name.MEASUREMENT)
    measured: dict[tuple[str, int], list[float]] = {}
    with TemporaryDirectory() as folder:
        engines = open_engines(config, max(all_slots), prompt + turn, Path(folder))
        for slots in all_slots:
            sides = {
                name: partial(
                    decoding_rate, engine.session(slots, prompt + turn), slots, prompt, turn, draw, config
                )
                for name, engine in engines.items()
            }
            in_turn(sides, 1)
            measured |= {(name, slots): rates for name, rates in in_turn(sides, repeats).items()}
    return measured


def open_engines(config: Qwen2Config, slots: int, tokens: int, folder: Path) -> dict[str, Engine]:
    """Engines for contexts of so many tokens around one bfloat16 model, whose tokens are numbers."""
    seed_torch(0, Name.MEASUREMENT)
    with torch.device(own_device()):
        policy = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    words = Tokenizer(
        models.WordLevel({str(token): token for token in range(config.vocab_size)}, unk_token="0")
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="0", pad_token="1", eos_token="2")
    engines: dict[str, Engine] = {
        "graphs": TransformersEngine(policy, tokenizer),
        "no_graphs": TransformersEngine(policy, tokenizer, graphs=False),
    }
    if importlib.util.find_spec("vllm"):
        from stepsearch_core.sampling.vllm_arguments import vllm_arguments
        from stepsearch_core.sampling.vllm_engine import VllmEngine

        save_policy(policy, tokenizer, folder / "policy")
        # beside a Qwen2 another class of tokenizer would be loaded
        tokenizer.save_pretrained(folder / "tokenizer")
        params = default_params()
        arguments = vllm_arguments(
            str(folder / "policy"),
            replace(params.model, dtype="bfloat16"),
            replace(params.environment, max_trajectory_tokens=tokens),
            replace(params.rollout, batch_size=slots),
            GPU_MEMORY_SHARE if torch.cuda.is_available() else None,
        )
        engines["vllm"] = VllmEngine(arguments | {"tokenizer": str(folder / "tokenizer")}, tokenizer)
    return engines


def decoding_rate(
    session: Session, slots: int, prompt: int, turn: int, draw: np.random.Generator, config: Qwen2Config
) -> float:
    """Tokens a second: what long turns make more than turns of one token, by how much longer they take."""
    made = {}

    def play(limit: int) -> None:
        made[limit] = tokens_made(
            session, draw.integers(3, config.vocab_size, (slots, prompt)).tolist(), limit
        )

    elapsed = {limit: seconds(partial(play, limit)) for limit in (1, turn)}
    return (made[turn] - made[1]) / (elapsed[turn] - elapsed[1])


def tokens_made(session: Session, prompts: Sequence[list[int]], limit: int) -> int:
    """Of one turn after each prompt; few end before the limit, for an end is one token of many."""
    for slot, prompt in enumerate(prompts):
        session.open(slot, stream(0, Name.MEASUREMENT, slot))
        session.submit(slot, TurnRequest(prompt, limit))
    ended: list[Generation] = []
    while len(ended) < len(prompts):
        ended += session.advance().values()
    return sum(len(turn.token_ids) for turn in ended)


def decoding_limit(config: Qwen2Config, slots: int, context: float, bandwidth: float) -> float:
    """Tokens a second if reading bfloat16 weights and `slots` contexts of mean length `context` were all."""
    with torch.device("meta"):
        # tied embeddings: read as output layer
        weights = 2 * parameter_count(AutoModelForCausalLM.from_config(config))
    head_dim = config.hidden_size // config.num_attention_heads
    heads = config.num_key_value_heads or config.num_attention_heads
    token = 2 * 2 * config.num_hidden_layers * heads * head_dim
    return slots * bandwidth / (weights + slots * context * token)
