"""A turn while it is being written: where its random numbers come from, and what ends it."""

from __future__ import annotations

from typing import Any

import numpy as np

from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.environment.encoding import end_ids
from stepsearch_core.policy.tokenizers import id_count

_STOP_WINDOW = 12  # no tokenizer writes a stop string in more tokens than it has characters


class TurnInProgress:
    """The tokens of a turn so far. All random numbers are drawn at once: a stream is read turn by turn."""

    def __init__(self, max_new_tokens: int, stream: np.random.Generator | None) -> None:
        self.greedy = stream is None
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
    """A turn ends with a stop string or one of `end_ids`; text is decoded after tokens that may close it."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ends = end_ids(tokenizer)
        texts = tokenizer.batch_decode([[token] for token in range(id_count(tokenizer))])
        self._may_close = {token for token, text in enumerate(texts) if may_close(text)}

    def ends(self, ids: list[int]) -> bool:
        """Whether a turn of these tokens is over."""
        if ids[-1] in self._ends:
            return True
        if ids[-1] not in self._may_close:
            return False
        tail = self._tokenizer.decode(ids[-_STOP_WINDOW:], skip_special_tokens=True)
        return any(stop in tail for stop in STOP_STRINGS)


def may_close(text: str) -> bool:
    """Whether a stop string may end within the text of a token."""
    ends = [text[: place + 1] for place, letter in enumerate(text) if letter == ">"]
    return any(stop.endswith(end) or end.endswith(stop) for end in ends for stop in STOP_STRINGS)
