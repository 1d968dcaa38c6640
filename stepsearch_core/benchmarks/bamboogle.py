"""Bamboogle: a CSV of `Question,Answer`, or JSON lines of `question` with `answer` or `golden_answers`.

It has neither ids, contexts nor hops; ids are made of the row's number, counted from 0.
"""

from __future__ import annotations

from stepsearch_core.base.types import Question
from stepsearch_core.benchmarks.examples import Example
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row


def read_example(row: Row, number: int, split: str, account: Account) -> Example:
    """One row.

    Raises:
        DataError: a missing field, a wrong type, no answer.
    """
    question = row.text("Question" if "Question" in row.value else "question")
    identifier = f"bamboogle_{number}"
    return Example(Question(identifier, "bamboogle", split, question, _read_answers(row)), ())


def _read_answers(row: Row) -> tuple[str, ...]:
    if "golden_answers" not in row.value:
        return (row.text("Answer" if "Answer" in row.value else "answer"),)
    answers = tuple(
        dict.fromkeys(filter(None, (answer.strip() for answer in row.strings("golden_answers"))))
    )
    if not answers:
        raise row.error("golden_answers", "empty")
    return answers
