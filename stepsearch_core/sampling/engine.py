"""What a sampling engine is: sessions of slots, contexts that only grow, advanced pass by pass.

`submit` appends tokens to a slot's context and asks for a turn of the policy; `advance` makes one decoding
pass for all slots that have work and returns the turns that ended with it: by closing an action, by a token
that ends turns, or at their limit. So some slots generate while others wait for a search, and a slot that is
done begins a new context at once. Ids in, ids out; text is decoded once, for the parser.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from transformers import PreTrainedModel

from stepsearch_core.base.errors import ExplainedError


class EngineError(ExplainedError):
    """An engine could not finish a pass; the contexts of its session are lost."""


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
    """Slots of growing contexts."""

    def open(self, slot: int, stream: np.random.Generator | None, temperature: float | None = None) -> None:
        """Begin an empty context in a slot, whatever it held; sampled with `stream`, or greedily (None).

        `temperature`: of its sampling; None: the engine's.
        """

    def submit(self, slot: int, request: TurnRequest) -> None:
        """Ask for a turn of a slot that has none under way."""

    def close(self, slot: int) -> None:
        """Say that a slot, which has no turn under way, will not be used any more."""

    def advance(self) -> dict[int, Generation]:
        """Make one decoding pass over all slots with a turn under way; the turns that it ended, by slot.

        Raises:
            EngineError: the pass failed.
        """


class Engine(Protocol):
    """Something that samples turns."""

    def session(self, slots: int, capacity: int) -> Session:
        """Open a session of `slots` contexts of at most `capacity` tokens each."""

    in_place: bool
    """True: it samples from the model that is trained, adapters included, and needs no new weights."""

    shared_by: int
    """How many ranks in a row sample with one model; of them the first has trajectories to play."""

    def played(self) -> AbstractContextManager[bool]:
        """Entered by every rank to play: True where there is something to play. Elsewhere it samples what
        the first rank of its model plays, and is left when that one has played.
        """

    def update(self, policy: PreTrainedModel) -> None:
        """Sample with the weights of `policy` from now on; nothing computed with older ones is kept."""

    def sleep(self) -> None:
        """Give back memory that only sampling needs; new weights come before the next session."""
