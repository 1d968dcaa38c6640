"""Token ids into text: what a policy has written, as the environment reads it.

Special tokens are no text and are left out, but for the protocol's tags: a tokenizer may have those as
special tokens too. Every engine ends turns by this text (`sampling.turns.StopRule`) and hands it on, so that
none reads a turn in its own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stepsearch_core.environment.actions import TAGS


class TurnDecoder:
    """Decodes for one fast tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._left_out = frozenset(
            token
            for token, added in tokenizer.added_tokens_decoder.items()
            if added.special and added.content not in TAGS
        )

    def text(self, token_ids: Sequence[int]) -> str:
        """Text of token ids; bytes that are no whole character become U+FFFD."""
        return self._tokenizer.decode([token for token in token_ids if token not in self._left_out])
