"""The PPO update of randomly initialised Qwen2.5 shapes on one GPU: tokens a second and FLOPs utilisation.

Trajectories have two searches with observations of 500 tokens each. Forward and backward pass of a token
cost 6 FLOPs a parameter, and for causal attention 12 times layers, width and mean context (Kaplan et al.,
arXiv 2001.08361, table 1); recomputed activations do not count as useful. MFU is of the GPU's dense bfloat16
peak. There is no other side here: the bar is a published figure.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import torch
from transformers import AutoModelForCausalLM, Qwen2Config

from perf.measure import in_turn, report, seconds
from perf.workload import default_params, experience, token_count, trajectories, update_settings
from stepsearch_core.base.streams import Name, seed_torch
from stepsearch_core.params import TrainParams
from stepsearch_core.params.cards import CARDS
from stepsearch_core.policy.models import parameter_count
from stepsearch_core.training.architecture import PUBLISHED
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.ppo_update import update

PEAK_FLOPS = {
    name: 1e12 * CARDS[card].tflops
    for name, card in {"H200": "H200", "H100": "H100", "A100": "A100-80GB"}.items()
}
"""Dense bfloat16, by what a GPU's name contains."""
SEGMENTS = [-300, 150, -500, 150, -500, 100]
"""Tokens of a trajectory: prompt, turn, observation, turn, observation, answer."""
SIZES = ("0.5B", "3B")


def main(quick: bool) -> None:
    """Measure both sizes on the first GPU; without one say so."""
    if not torch.cuda.is_available():
        sys.exit("update_gpu: needs a CUDA GPU, there is none")
    name = torch.cuda.get_device_name()
    peak = next((flops for known, flops in PEAK_FLOPS.items() if known in name), None)
    if peak is None:
        sys.exit(f"update_gpu: the peak of {name} is not known; add it to PEAK_FLOPS from its data sheet")
    figures: dict[str, float] = {}
    both_sides: dict[str, list[float]] = {}
    repeats, rows = (2, 8) if quick else (5, 64)
    for size in SIZES:
        config = Qwen2Config(**PUBLISHED[f"Qwen/Qwen2.5-{size}"])
        rates = tokens_per_second(config, rows, repeats, 16_384 if size == "0.5B" else 8_192)
        flops = flops_per_token(config)
        figures |= {f"tokens_per_second_{size}": float(np.median(rates))}
        figures |= {f"mfu_{size}": float(np.median(rates)) * flops / peak}
        both_sides[size] = rates
    report("update_gpu", figures, both_sides, repeats, [SEGMENTS, rows, SIZES], gpu=name, rows=rows)


def tokens_per_second(config: Qwen2Config, rows: int, repeats: int, micro_batch_tokens: int) -> list[float]:
    """Of whole updates (two minibatches, one epoch) of a bfloat16 policy with a value head."""
    seed_torch(0, Name.MEASUREMENT)
    policy = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    params: TrainParams = replace(
        default_params().train,
        micro_batch_tokens=micro_batch_tokens,
        gradient_checkpointing=True,
        zero_stage=1,
    )
    learner = Learner(policy, params, has_critic=True)
    made = trajectories([SEGMENTS] * rows, config.vocab_size)
    data = experience(made)

    def run() -> float:
        def whole() -> None:
            update(learner, data, params, **update_settings())
            if torch.cuda.is_available():
                torch.cuda.synchronize()

        return token_count(made) / seconds(whole)

    in_turn({"update": run}, 2)  # kernels are chosen, memory is taken
    return in_turn({"update": run}, repeats)["update"]


def flops_per_token(config: Qwen2Config) -> float:
    """Forward and backward pass; the vocabulary's part only for tokens that the policy wrote."""
    with torch.device("meta"):
        policy = AutoModelForCausalLM.from_config(config)
        head = config.vocab_size * config.hidden_size
        layers = parameter_count(policy) - head * (1 if config.tie_word_embeddings else 2)
    total = sum(map(abs, SEGMENTS))
    written = sum(size for size in SEGMENTS if size > 0)
    attention = 12 * config.num_hidden_layers * config.hidden_size * total / 2
    return 6 * (layers + head * written / total) + attention
