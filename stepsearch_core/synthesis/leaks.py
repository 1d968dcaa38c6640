"""Which words give away what a search is to find: those of the support's title and of the step's answer.

A policy that is rewarded for typing them would be taught to know the answer before it searches. What the
resolved sub-question says itself gives nothing away. Words are those of `base.text`, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from stepsearch_core.base.text import words


def forbidden_words(sub_question: str, sub_answer: str, titles: Iterable[str]) -> frozenset[str]:
    """The words that no search key of a step may hold.

    Args:
        sub_question: with its references resolved.
        sub_answer: the step's answer.
        titles: of its supports.
    """
    given_away = {word for text in (sub_answer, *titles) for word in words(text)}
    return frozenset(given_away.difference(words(sub_question)))


def leaks(key: str, forbidden: frozenset[str]) -> bool:
    """Whether a search key holds one of the words."""
    return not forbidden.isdisjoint(words(key))
