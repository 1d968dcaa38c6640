"""The PPO update of a real model in bfloat16 against the limit: plain forward and backward passes.

`real_update_share` is tokens a second of whole updates (padding, losses, value head, entropies, DeepSpeed
and its optimizer's steps) over those of plain passes on equally many tokens in rows of one length, with as
many policy tokens. Every repeat has trajectories of other lengths, as training has: kernels that are made
for a shape when it is first seen are among the costs.

`lora_update_speedup` is the rate of the same updates of low-rank adapters over that of whole weights.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from perf.measure import Measured, in_turn, median_of_pairs, seconds
from perf.smollm import PROFILE
from perf.workload import (
    equal_lengths,
    experience,
    token_count,
    trajectories,
    update_settings,
)
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import Trajectory
from stepsearch_core.learning.actor import token_states
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.profiles import load_profile
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.ppo_update import update

SHORTEST, LONGEST = 300, 1100
PROMPT = 150
EQUAL_LENGTH = 704
MINIBATCHES = 2
LORA_RANK = 16


def measure(folder: Path, repeats: int, quick: bool) -> Measured:
    """Time both sides in turn on the model in `folder`."""
    rows = 8 if quick else 24
    params = replace(load_profile(PROFILE).train, minibatches=MINIBATCHES, lora_rank=0)
    learner = Learner(_model(folder), params, has_critic=True)
    adapters = Learner(_model(folder), replace(params, lora_rank=LORA_RANK), has_critic=True)
    plain = _model(folder)
    vocabulary = plain.config.vocab_size
    sampled = iter([trajectories(ragged_lengths(rows, draw), vocabulary) for draw in range(repeats + 1)])
    made: list[Trajectory] = []

    def update_of(learner: Learner) -> float:
        data = experience(made)
        return token_count(made) / seconds(lambda: update(learner, data, params, **update_settings()))

    def whole_update() -> float:
        made[:] = next(sampled)
        return update_of(learner)

    def plain_passes() -> float:
        """On as many tokens as the update before it had."""
        written = sum(sum(trajectory.policy_mask) for trajectory in made)
        equal = trajectories(equal_lengths(EQUAL_LENGTH, token_count(made), written), vocabulary)
        return token_count(equal) / seconds(_passes(plain, equal, params.micro_batch_tokens))

    sides = {
        "update": whole_update,
        "plain_passes": plain_passes,
        "lora_update": lambda: update_of(adapters),
    }
    in_turn(sides, 1)  # the first time memory is taken
    values = in_turn(sides, repeats)
    share = median_of_pairs(operator.truediv, values["update"], values["plain_passes"])
    lora = median_of_pairs(operator.truediv, values["lora_update"], values["update"])
    return Measured(
        {"real_update_share": share, "lora_update_speedup": lora},
        {f"{side}_tokens_per_second": rates for side, rates in values.items()},
        {"update": [rows, SHORTEST, LONGEST, PROMPT, EQUAL_LENGTH, params.micro_batch_tokens, MINIBATCHES]},
    )


def ragged_lengths(rows: int, draw: int) -> list[list[int]]:
    """Segment lengths of trajectories of two searches, a quarter of whose tokens the policy wrote."""
    lengths = []
    for total in stream(0, Name.MEASUREMENT, draw).integers(SHORTEST, LONGEST, size=rows).tolist():
        written = total // 12
        shown = total - PROMPT - 3 * written
        lengths.append([-PROMPT, written, -(shown // 2), written, -(shown - shown // 2), written])
    return lengths


def _model(folder: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)


def _passes(model: PreTrainedModel, made: list[Trajectory], tokens: int) -> Callable[[], None]:
    """Log-probabilities of the policy's tokens and their gradients, with nothing around them."""
    groups = micro_batches(made, tokens)
    batches = [token_batch([made[index] for index in group], 0) for group in groups]

    def run() -> None:
        for batch in batches:
            logits = model.lm_head(token_states(model, batch)).float()
            torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.targets)).backward()
        model.zero_grad()

    return run
