"""Cuts documents into passages of so many words: at the ends of sentences or paragraphs, else between words.

What stands between two blanks is never parted, unless it alone has more words than a passage: writing
without blanks is parted between its words. Words are counted as `base.text.words` finds them; what holds
none, a dash or a table's bar, counts as one. So the same text always gives the same passages, every word is
in one of them, and no passage has more words than asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from stepsearch_core.base.text import SENTENCE_END, passage_id, words
from stepsearch_core.base.types import Passage
from stepsearch_core.data.documents import Document
from stepsearch_core.params import CorpusParams

_PIECE = re.compile(r"(\S+)(\s*)")


class _Unit(NamedTuple):
    """What is kept whole: its place in the text, its words, and whether a sentence or paragraph ends."""

    start: int
    end: int
    words: int
    closes: bool


def passages_of(document: Document, params: CorpusParams) -> Iterator[Passage]:
    """The passages of a document, in order, each under its title."""
    for text in cut(document.text, params.passage_words, params.passage_overlap):
        yield Passage(passage_id(document.title, text), document.title, text)


def cut(text: str, limit: int, overlap: int = 0) -> Iterator[str]:
    """The passages of a text, in order; none of a text of blanks.

    A passage ends with the last sentence or paragraph that ends in the second half of what it adds to the
    passage before; where none ends there, it ends with the last word that fits.

    Args:
        text: Cut but not changed: every passage is a part of it.
        limit: Words of a passage at most, at least 1.
        overlap: Words that a passage repeats of the one before, less than `limit`. Fewer where what is kept
            whole does not fit.
    """
    held: list[_Unit] = []
    size = repeated = 0
    for unit in _units(text, limit):
        while size + unit.words > limit:
            end = _end(held, size, (limit + overlap) / 2)
            yield text[held[0].start : held[end - 1].end]
            following = held[end] if end < len(held) else unit
            begin = _begin(held[:end], min(overlap, limit - following.words))
            held, repeated = held[begin:], end - begin
            size = sum(kept.words for kept in held)
        held.append(unit)
        size += unit.words
    if len(held) > repeated:
        yield text[held[0].start : held[-1].end]


def _end(held: Sequence[_Unit], size: int, least: float) -> int:
    """How many of these units, which have `size` words, make the passage: to a sentence's end if that leaves
    at least so many words, else all.
    """
    for end in range(len(held), 0, -1):
        if size < least:
            break
        if held[end - 1].closes:
            return end
        size -= held[end - 1].words
    return len(held)


def _begin(passage: Sequence[_Unit], overlap: int) -> int:
    """Where the next passage begins: before the last units that have at most `overlap` words."""
    begin = len(passage)
    while begin and passage[begin - 1].words <= overlap:
        begin -= 1
        overlap -= passage[begin].words
    return begin


def _units(text: str, limit: int) -> Iterator[_Unit]:
    """The units of a text in order, none of more than `limit` words."""
    for match in _PIECE.finditer(text):
        start, end = match.span(1)
        count = _count(match[1])
        ends_paragraph = match[2].count("\n") > 1
        if count <= limit:
            yield _Unit(start, end, max(1, count), ends_paragraph or _ends_sentence(text, start, end))
            continue
        for begin, stop in _words_of(text, start, end):
            closes = _ends_sentence(text, begin, stop) or (ends_paragraph and stop == end)
            yield _Unit(begin, stop, 1, closes)


def _words_of(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The words of a piece, each with the marks and signs behind it that are no word.

    Whether a letter begins a word shows beside the letters since the last one that is a word by itself: of
    invisible signs and marks there may be any number in between.
    """
    begins = [start]
    last = start
    for place in range(start, end):
        letter = text[place]
        if not _count(letter):
            continue
        before = text[last:place]
        if _count(before) and _count(before + letter) == _count(before) + _count(letter):
            begins.append(place)
        last = place
    return list(zip(begins, [*begins[1:], end], strict=True))


@lru_cache(maxsize=1 << 16)
def _count(text: str) -> int:
    """How many words; remembered, as in any language the same few thousand make most of a text."""
    return len(words(text))


def _ends_sentence(text: str, start: int, end: int) -> bool:
    return not text[end - 1].isalnum() and SENTENCE_END.search(text, max(start, end - 4), end) is not None
