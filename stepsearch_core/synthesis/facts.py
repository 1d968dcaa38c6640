"""Steps from two supporting passages by rule, for HotpotQA's format, which has no sub-questions.

A bridge question leads through one passage, which names the other's title, to the other, which has the
answer: its first step asks in those words of the question that the first passage holds and is answered by
the other's title; its second step asks for the rest about that title. A comparison names both titles: each
step asks about one of them in the question's other words, and what it is answered by is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import permutations

from stepsearch_core.base.text import holds
from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.synthesis.sub_questions import keywords, lower_words

_ADDITION = re.compile(r"\s*\([^()]*\)$")


def steps_of_facts(question: Question, passage: Callable[[str], Passage]) -> tuple[Hop, ...]:
    """The steps of a question of which two supports are known; none where the rule sees no steps.

    Args:
        question: Its hops have supports alone.
        passage: Gives a passage by its id.
    """
    supports = [passage(support_id) for support_id in question.support_ids]
    if len(supports) != 2 or not all(map(name_of, supports)):
        return ()
    if all(names(question.question, support) for support in supports):
        return _comparison(question.question, supports)
    orders = [(first, second) for first, second in permutations(supports) if names(first.text, second)]
    if not orders:
        return ()

    def fitness(order: tuple[Passage, Passage]) -> tuple[bool, int]:
        first, second = order
        answered = any(holds(second.contents, answer) for answer in question.answers)
        return answered, len(keywords(question.question, without=_absent(question.question, first)).split())

    return _bridge(question, *max(orders, key=fitness))


def may_have_steps(question: Question) -> bool:
    """Whether a question has steps, or the two supports that the rule asks for."""
    return question.has_decomposition or len(question.support_ids) == 2


def name_of(passage: Passage) -> str:
    """A passage's title without an addition in parentheses."""
    return _ADDITION.sub("", passage.title).strip()


def names(text: str, passage: Passage) -> bool:
    """Whether a text names what a passage is about."""
    return holds(text, name_of(passage))


def _bridge(question: Question, first: Passage, second: Passage) -> tuple[Hop, ...]:
    asked, bridge = question.question, name_of(second)
    opening = keywords(asked, without=_absent(asked, first))
    rest = keywords(asked, without=[*lower_words(opening), *lower_words(bridge)])
    if not opening:
        return ()
    return (
        Hop(opening, bridge, (first.id,)),
        Hop(f"{bridge} >> {rest}" if rest else bridge, question.answers[0], (second.id,)),
    )


def _comparison(asked: str, supports: Sequence[Passage]) -> tuple[Hop, ...]:
    named = [word for support in supports for word in lower_words(name_of(support))]
    rest = keywords(asked, without=named)
    return tuple(
        Hop(f"{name_of(support)} >> {rest}" if rest else name_of(support), "", (support.id,))
        for support in supports
    )


def _absent(asked: str, passage: Passage) -> set[str]:
    """The words of a question that a passage does not hold."""
    return set(lower_words(asked)).difference(lower_words(passage.contents))
