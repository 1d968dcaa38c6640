"""The information block: what a search found, as many documents as fit, each whole or cut with a mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from stepsearch_core.base.types import Passage
from stepsearch_core.environment.encoding import TextEncoder
from stepsearch_core.environment.excerpts import longest_excerpt
from stepsearch_core.environment.prompts import PromptStyle
from stepsearch_core.params import EnvironmentParams

SHORTEST_EXCERPT = 8
"""Tokens: a passage of which less would be left, mark and heading included, is not cut."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The ids of an information block, with what stands around it, and the positions of passages shown."""

    ids: list[int]
    shown: tuple[int, ...]
    cut: tuple[int, ...]


class Documents:
    """Lays out passages in one style, encoded by one tokenizer."""

    def __init__(self, encoder: TextEncoder, style: PromptStyle, params: EnvironmentParams) -> None:
        self._encoder, self._style, self._params = encoder, style, params
        self._cut = lru_cache(maxsize=20_000)(self._cut_uncached)

    @property
    def least(self) -> int:
        """Tokens of a block that shows the shortest text of all."""
        return len(self._opening) + len(self._closing) + self._shortest(1, "")

    def block(self, passages: Sequence[Passage], room: int) -> Observation | None:
        """A block of at most `room` tokens with passages, best first; None if not even its tags fit."""
        left = self._left(room)
        if left < 0:
            return None
        documents: list[int] = []
        shown: list[int] = []
        cut: list[int] = []
        for position, passage in enumerate(passages):
            ids: Sequence[int] = self._document(len(shown) + 1, passage.title, passage.text)
            if len(ids) > left:
                ids = self._cut(len(shown) + 1, passage, left) if self._params.long_passages == "cut" else ()
                if not ids:
                    continue
                cut.append(position)
            documents += ids
            left -= len(ids)
            shown.append(position)
            if cut:
                break
        return Observation([*self._opening, *documents, *self._closing], tuple(shown), tuple(cut))

    def text(self, text: str, room: int) -> list[int] | None:
        """A block with somebody's text in place of documents, cut at `room`; None as for `block`."""
        left = self._left(room)
        if left < 0:
            return None
        return [*self._opening, *self._encoder.theirs(text)[:left], *self._closing]

    def _left(self, room: int) -> int:
        limit = min(room, self._params.max_observation_tokens)
        return limit - len(self._opening) - len(self._closing)

    @property
    def _opening(self) -> list[int]:
        return self._encoder.ours(self._style.opening)

    @property
    def _closing(self) -> list[int]:
        return self._encoder.ours(self._style.closing)

    def _document(self, rank: int, title: str, text: str) -> list[int]:
        return self._encoder.theirs(self._style.document.format(rank=rank, title=title, text=text))

    def _shortest(self, rank: int, title: str) -> int:
        """Tokens of the least that is shown of a passage: all of a short one, else a beginning."""
        if self._params.long_passages == "skip":
            return len(self._document(rank, title, "")) + 1
        return len(self._document(rank, title, self._style.cut_mark)) + SHORTEST_EXCERPT

    def _cut_uncached(self, rank: int, passage: Passage, room: int) -> tuple[int, ...]:
        """The document with as much of the passage's text as fits and the mark; () if that is too little."""
        if self._shortest(rank, passage.title) > room:
            return ()

        def encoded(text: str) -> list[int]:
            return self._document(rank, passage.title, text + self._style.cut_mark)

        excerpt = longest_excerpt(passage.text, lambda text: len(encoded(text)) <= room)
        return tuple(encoded(excerpt)) if excerpt else ()
