"""Who writes the candidates of a step's search keys: rules here, or a language model (`key_model`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from stepsearch_core.base.types import Hop, Passage
from stepsearch_core.synthesis.search_keys import SearchKey, candidate_keys
from stepsearch_core.synthesis.sub_questions import Step, SubQuestion, lower_words


class KeyWriter(Protocol):
    """Writes candidates."""

    def __call__(self, steps: Sequence[Step], failed: Counter[str]) -> list[list[SearchKey]]:
        """Distinct candidates of each step; why there are none is counted in `failed`."""
        ...


class Rules:
    """`search_keys` with words that were mined."""

    def __init__(self, mined: Mapping[str, Sequence[str]], passage: Callable[[str], Passage]) -> None:
        """Write with mined words by relation; `passage` gives supports by their ids."""
        self._mined, self._passage = mined, passage

    def __call__(self, steps: Sequence[Step], failed: Counter[str]) -> list[list[SearchKey]]:
        """See `KeyWriter`; rules do not fail."""
        return [self._keys(hop, asked) for hop, asked in steps]

    def _keys(self, hop: Hop, asked: SubQuestion) -> list[SearchKey]:
        supports = map(self._passage, hop.support_ids)
        own = {word for support in supports for word in lower_words(support.contents)}
        return candidate_keys(asked, self._mined.get(asked.relation, ()), own)
