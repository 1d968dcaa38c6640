"""Random streams: everything random in a run draws from a stream of its own, made here and nowhere else.

A stream is a seed, a name and numbers. They are spelt out as a text, `0:trajectories:17:4`, whose hash seeds
the generator: texts are equal only if all parts are, where NumPy takes `[0, 1]` and `[0, 1, 0]` for the same
seed. Two uses share a stream only where they are meant to see the same draws, as the intervals of a
bootstrap are.
"""

from __future__ import annotations

import hashlib
import random
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class Name(StrEnum):
    """What a stream is for; in brackets the numbers that go with it."""

    FACTS = "facts"  # of the generated world, which has a seed of its own; so the next two
    QUESTIONS = "questions"
    PARAGRAPHS = "paragraphs"
    PROJECTION = "projection"  # of the hashing encoder
    LINKS = "links"  # between passages, that questions are made of
    SPLIT = "split"  # into training and validation questions
    ORDER = "order"  # of questions that get a trajectory for the warm start
    SEARCHER = "searcher"  # of such a trajectory (its number, attempt)
    INITIAL_POLICY = "initial policy"
    SUPERVISED_BATCHES = "supervised batches"
    INITIAL_LEARNER = "initial learner"  # value head, adapters
    EPOCHS = "epochs"  # order of the training questions (epoch)
    TRAJECTORIES = "trajectories"  # sampled for training (step, number in the step)
    RESAMPLED = "resampled"  # in place of groups without variance (step, attempt): questions; (.., number)
    MINIBATCHES = "minibatches"  # (step)
    CRITIC_MINIBATCHES = "critic minibatches"  # (step)
    EVALUATION = (
        "evaluation"  # sampled answers (benchmark, number), alike for all policies, which are compared
    )
    SERVED = "served"  # answers to a client, which gives the seed
    BOOTSTRAP = "bootstrap"  # one for all intervals: each resamples the same questions
    REPLICATES = "replicates"  # of a study, and their questions, resampled; one for all intervals
    SIGNS = "signs"  # of differences, flipped; one for all tests
    CASES = "cases"  # of the report (outcome)
    MEASUREMENT = "measurement"  # of `perf`; its own numbers


def stream(seed: int, name: Name, *numbers: int) -> np.random.Generator:
    """The random stream of a name and its numbers, at its beginning."""
    import numpy as np

    return np.random.default_rng(_hashed(seed, name, numbers))


def draws(seed: int, name: Name, *numbers: int) -> random.Random:
    """As `stream`, of the standard library's kind: for choices among any objects."""
    return random.Random(_text(seed, name, numbers))


def seed_torch(seed: int, name: Name, *numbers: int) -> None:
    """Begin a stream as torch's global one, which initial weights are drawn from."""
    import torch

    torch.manual_seed(_hashed(seed, name, numbers) % 2**63)


def _text(seed: int, name: Name, numbers: tuple[int, ...]) -> str:
    return ":".join(map(str, (seed, name, *numbers)))


def _hashed(seed: int, name: Name, numbers: tuple[int, ...]) -> int:
    return int.from_bytes(hashlib.sha256(_text(seed, name, numbers).encode()).digest(), "big")
