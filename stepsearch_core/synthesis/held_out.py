"""What test questions ask, so that nothing of it is trained on: whole questions, and single hops of them.

Multi-hop benchmarks are made of single-hop questions, some of which occur in training and test questions
alike; a policy that has learnt to answer the hop knows a part of the test. Compared are the words of
questions and of resolved sub-questions; what benchmarks without sub-questions ask on the way is not known.
"""

from __future__ import annotations

from collections.abc import Iterable

from stepsearch_core.base.text import words
from stepsearch_core.base.types import Question

QUESTION, HOP = SHARED = ("a question of the test", "a hop of a question of the test")
"""What a training question can have in common with the test."""


class HeldOut:
    """The questions and hops of the test."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._asked: set[str] = set()
        for question in questions:
            self._asked.update(map(normal, (question.question, *_hops(question))))
        self._asked.discard("")

    def shares(self, question: Question) -> str | None:
        """Which of `SHARED` a training question has in common with the test; None: neither."""
        if normal(question.question) in self._asked:
            return QUESTION
        return HOP if any(normal(hop) in self._asked for hop in _hops(question)) else None


def normal(text: str) -> str:
    """A text by its words (`base.text`)."""
    return " ".join(words(text))


def _hops(question: Question) -> list[str]:
    return [hop.sub_question for hop in question.hops]
