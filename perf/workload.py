"""Frozen trajectories to update on: lengths as they were sampled, tokens at random.

`default_lengths.json` holds the segment lengths of the 128 trajectories that the default profile samples in
its first training step (seed 0): what the policy wrote as positive numbers, prompts and passages as negative
ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModelForCausalLM, PreTrainedModel

from perf.measure import PROFILES
from stepsearch_core.base.streams import Name, seed_torch, stream
from stepsearch_core.base.types import Author, Segment, Trajectory
from stepsearch_core.params import Params
from stepsearch_core.policy.models import random_config
from stepsearch_core.profiles import load_profile
from stepsearch_core.training.experience import Experience

DEFAULT_LENGTHS = Path(__file__).with_name("default_lengths.json")
VOCABULARY = 2048
PROMPT = 30


def default_params() -> Params:
    """The default profile, whatever is active."""
    return load_profile(PROFILES / "tiny.yaml")


def default_model(params: Params) -> PreTrainedModel:
    """The default profile's model with random weights."""
    seed_torch(0, Name.MEASUREMENT)
    return AutoModelForCausalLM.from_config(random_config(params.model, VOCABULARY))


def sampled_lengths() -> list[list[int]]:
    """Segment lengths of the frozen trajectories."""
    lengths: list[list[int]] = json.loads(DEFAULT_LENGTHS.read_text(encoding="utf-8"))
    return lengths


def equal_lengths(length: int, tokens: int, policy_tokens: int) -> list[list[int]]:
    """Rows of one length with, together, as many tokens and policy tokens as can be, in three turns each."""
    rows = round(tokens / length)
    written = round(policy_tokens / rows / 3)
    shown = length - PROMPT - 3 * written
    return [[-PROMPT, written, -(shown // 2), written, -(shown - shown // 2), written]] * rows


def trajectories(lengths: Sequence[Sequence[int]], vocabulary: int = VOCABULARY) -> list[Trajectory]:
    """Trajectories of these segment lengths with random tokens."""
    draw = stream(0, Name.MEASUREMENT, 0)
    made = []
    for number, row in enumerate(lengths):
        segments = []
        for index, size in enumerate(row):
            ids = draw.integers(5, vocabulary, size=abs(size)).tolist()
            author = Author.POLICY if size > 0 else Author.ENVIRONMENT if index else Author.PROMPT
            segments.append(Segment(author, index, ids, [-np.log(vocabulary)] * size if size > 0 else None))
        made.append(Trajectory(f"q{number}", 0, segments))
    return made


def filled(made: Sequence[Trajectory], length: int) -> list[Trajectory]:
    """The same with environment tokens after the end, up to `length`: padded, and computed all the same."""
    return [
        Trajectory(
            trajectory.question_id,
            trajectory.sample,
            [
                *trajectory.segments,
                Segment(
                    Author.ENVIRONMENT, len(trajectory.segments), [1] * (length - len(trajectory.token_ids))
                ),
            ],
        )
        for trajectory in made
    ]


def experience(made: list[Trajectory]) -> Experience:
    """Something to learn for every policy token."""
    draw = stream(0, Name.MEASUREMENT, 1)
    sampler = [np.array(trajectory.log_probs) for trajectory in made]

    def noise(scale: float) -> list[np.ndarray]:
        return [draw.normal(0, scale, len(row)) for row in sampler]

    ones = [np.ones(len(row)) for row in sampler]
    return Experience(made, [], sampler, ones, noise(1.0), noise(0.1), sampler, noise(1.0), noise(1.0))


def token_count(made: Sequence[Trajectory]) -> int:
    """Tokens of all trajectories."""
    return sum(len(trajectory.token_ids) for trajectory in made)


def update_settings() -> dict[str, Any]:
    """What `ppo_update.update` takes beside learner, experience and parameters, the same in every call."""
    generator = stream(0, Name.MEASUREMENT)
    return {"temperature": 1.0, "pad_token_id": 0, "generator": generator, "longest": 192}
