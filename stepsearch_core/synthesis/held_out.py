"""What test questions ask, so that nothing of it is trained on: whole questions, and single hops of them.

Multi-hop benchmarks are made of single-hop questions, some of which occur in training and test questions
alike; a policy that has learnt to answer the hop knows a part of the test.
"""

from __future__ import annotations

from collections.abc import Iterable

from stepsearch_core.base.types import Hop, Question
from stepsearch_core.synthesis.sub_questions import lower_words

QUESTION, HOP = SHARED = ("a question of the test", "a hop of a question of the test")
"""What a training question can have in common with the test."""


class HeldOut:
    """The questions and hops of the test."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._questions: set[str] = set()
        self._hops: set[tuple[str, str]] = set()
        for question in questions:
            self._questions.add(normal(question.question))
            self._hops.update(_asked(hop) for hop in question.hops if hop.sub_question)

    def shares(self, question: Question) -> str | None:
        """Which of `SHARED` a training question has in common with the test; None: neither."""
        if normal(question.question) in self._questions or _single(question) in self._hops:
            return QUESTION
        if any(_asked(hop) in self._hops for hop in question.hops):
            return HOP
        return None


def normal(text: str) -> str:
    """A text by its words, in lower case."""
    return " ".join(lower_words(text))


def _asked(hop: Hop) -> tuple[str, str]:
    return normal(hop.sub_question), normal(hop.sub_answer)


def _single(question: Question) -> tuple[str, str]:
    """The question as a hop: single-hop questions are what hops of others are made of."""
    return normal(question.question), normal(question.answers[0])
