"""What a sampling engine is: sessions of slots, each a context that only grows.

A session holds `size` contexts. `generate` appends new tokens to some of them and lets the policy write one turn in
each: until it closes an action, ends, or reaches its limit. Ids in, ids out; text is decoded once for the parser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """Tokens to append to a slot's context, and how many the policy may write after them."""

    new_tokens: list[int]
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class Generation:
    """One turn: sampled ids, their log-probabilities under the sampling distribution, and their text."""

    token_ids: list[int]
    log_probs: list[float]
    text: str


class Session(Protocol):
    """A batch of growing contexts."""

    def generate(self, requests: Mapping[int, TurnRequest]) -> dict[int, Generation]:
        """Generate one turn in each requested slot."""


class Engine(Protocol):
    """Something that samples turns."""

    def session(self, streams: list[np.random.Generator] | None, size: int, capacity: int) -> Session:
        """Open `size` slots of at most `capacity` tokens; slot i samples with `streams[i]`, or greedily if None."""
