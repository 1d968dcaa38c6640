"""A turn while it is being written: where its random numbers come from, and what ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.environment.decoding import TurnDecoder
from stepsearch_core.environment.encoding import end_ids


class TurnInProgress:
    """The tokens of a turn so far. All random numbers are drawn at once: a stream is read turn by turn."""

    def __init__(
        self, max_new_tokens: int, stream: np.random.Generator | None, temperature: float = 1.0
    ) -> None:
        self.greedy = stream is None
        self.temperature = temperature
        self._limit = max_new_tokens
        self._uniforms = np.zeros(max_new_tokens) if stream is None else stream.random(max_new_tokens)
        self.ids: list[int] = []
        self.log_probs: list[float] = []
        self.done = False

    def next_uniform(self) -> float:
        """The number in [0, 1) that the next token is drawn with."""
        return float(self._uniforms[len(self.ids)])

    def append(self, token: int, log_prob: float, stops: StopRule) -> None:
        """Add a token; the turn may be done with it."""
        self.ids.append(token)
        self.log_probs.append(log_prob)
        self.done = len(self.ids) >= self._limit or stops.ends(self.ids)


class StopRule:
    """A turn ends with one of `end_ids`, or with the token in which a stop string ends in the turn's text.

    Some protocols have ends of their own (`Protocol.ends`): then every token is looked at.

    In which token that is depends on the tokenizer: `</search>` may be one or many, its last may hold text
    behind it (`>.`, see `Renderer.closed`), and the bytes before it may be no whole character.
    """

    def __init__(self, tokenizer: Any, also: Callable[[str], bool] | None = None) -> None:
        self._ends = end_ids(tokenizer)
        self._also = also
        self._decoder = TurnDecoder(tokenizer)
        self._may_close = {token for spelled, token in tokenizer.get_vocab().items() if ">" in spelled}

    def text(self, ids: Sequence[int]) -> str:
        """What a turn of these tokens says."""
        return self._decoder.text(ids)

    def ends(self, ids: Sequence[int]) -> bool:
        """Whether a turn of these tokens is over with the last of them."""
        if ids[-1] in self._ends:
            return True
        if self._also is not None and self._also(self.text(ids)):
            return True
        return ids[-1] in self._may_close and any(stop in self.text(ids) for stop in STOP_STRINGS)

    def length(self, ids: Sequence[int]) -> int:
        """How many of these tokens, sampled by an engine with a rule of its own, are the turn's."""
        return next((count for count in range(1, len(ids)) if self.ends(ids[:count])), len(ids))
