"""What test questions ask, so that nothing of it is trained on: whole questions, and single hops of them.

Multi-hop benchmarks are made of single-hop questions, some of which occur in training and test questions
alike; a policy that has learnt to answer the hop knows a part of the test. Compared are the words of
questions and of resolved sub-questions, and what hops answer from which passage, however they ask for it.
What benchmarks without sub-questions ask on the way is not known, but from which passages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from stepsearch_core.base.text import words
from stepsearch_core.base.types import Question

QUESTION, HOP = SHARED = ("a question of the test", "a hop of a question of the test")
"""What a training question can have in common with the test."""


class HeldOut:
    """The questions and hops of the test."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._asked: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        self._supporting: dict[str, set[int]] = {}
        for number, question in enumerate(questions):
            self._asked.update(map(normal, (question.question, *_hops(question))))
            self._told.update(_told(question))
            for support_id in question.support_ids:
                self._supporting.setdefault(support_id, set()).add(number)
        self._asked.discard("")

    def shares(self, question: Question) -> str | None:
        """Which of `SHARED` a training question has in common with the test; None: neither."""
        if normal(question.question) in self._asked:
            return QUESTION
        same = any(normal(hop) in self._asked for hop in _hops(question))
        return HOP if same or not self._told.isdisjoint(_told(question)) else None

    def joins(self, first: str, second: str) -> bool:
        """Whether two passages, by their ids, both support one question of the test."""
        none: set[int] = set()
        return not self._supporting.get(first, none).isdisjoint(self._supporting.get(second, none))


def leaked(test: Iterable[Question], training: Iterable[Question]) -> Counter[str]:
    """How many questions of a test share what of `SHARED` with training questions, by the same rule."""
    trained = HeldOut(training)
    return Counter(shared for question in test if (shared := trained.shares(question)))


def normal(text: str) -> str:
    """A text by its words (`base.text`)."""
    return " ".join(words(text))


def _hops(question: Question) -> list[str]:
    return [hop.sub_question for hop in question.hops]


def _told(question: Question) -> set[tuple[str, str]]:
    """Passage and answer of every hop whose answer is known."""
    answered = ((hop, normal(hop.sub_answer)) for hop in question.hops)
    return {(support_id, answer) for hop, answer in answered if answer for support_id in hop.support_ids}
