"""Which questions a training step asks, and which it asks in place of those that teach nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import Question


class Draws:
    """Epochs of seeded permutations of the training questions, cut into steps."""

    def __init__(self, questions: Sequence[Question], count: int, seed: int) -> None:
        """Draw from `questions`, so many a step."""
        self._questions, self._count, self._seed = questions, count, seed

    def of_step(self, step: int) -> list[Question]:
        """The questions of a step, from 1."""
        size = len(self._questions)
        numbers = range((step - 1) * self._count, step * self._count)
        permutations = {
            epoch: stream(self._seed, Name.EPOCHS, epoch).permutation(size)
            for epoch in {number // size for number in numbers}
        }
        return [self._questions[permutations[number // size][number % size]] for number in numbers]

    def instead(self, step: int, attempt: int, count: int, asked: Sequence[Question]) -> list[Question]:
        """Other questions than those that a step has asked, as many as wanted or as there are."""
        taken = {question.id for question in asked}
        order = stream(self._seed, Name.RESAMPLED, step, attempt).permutation(len(self._questions))
        others = (self._questions[index] for index in order)
        return list(islice((question for question in others if question.id not in taken), count))
