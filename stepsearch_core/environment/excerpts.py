"""Where a text that is too long to be shown whole is cut: at the end of a sentence, or else of a word.

Writing without blanks is cut after every 20 letters at the latest, never before a mark that belongs to the
letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from stepsearch_core.base.text import SENTENCE_END

SENTENCE_SHARE = 0.8
"""An excerpt ends with a sentence if that keeps this share of what would fit."""

_WORD = re.compile(r"\S{1,20}")


def longest_excerpt(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning of `text` that fits; empty if not even its first word does."""
    ends = [word.end() for word in _WORD.finditer(text) if not _continues(text, word.end())]
    fitting, too_many = 0, len(ends) + 1
    while too_many - fitting > 1:
        words = (fitting + too_many) // 2
        if fits(text[: ends[words - 1]]):
            fitting = words
        else:
            too_many = words
    if not fitting:
        return ""
    longest = text[: ends[fitting - 1]]
    for end in reversed(ends[:fitting]):
        if end < SENTENCE_SHARE * len(longest):
            break
        if SENTENCE_END.search(text, max(0, end - 4), end) and fits(text[:end]):
            return text[:end]
    return longest


def _continues(text: str, end: int) -> bool:
    """Whether the letter before `end` goes on behind it, with a combining mark or a joiner."""
    return end < len(text) and unicodedata.category(text[end]) in ("Mn", "Mc", "Me", "Cf")
