"""Questions with their answers, and what is known besides: Bamboogle, and questions of one's own (`qa`).

A CSV of `Question,Answer`, or JSON lines of `question` with `answer` or `golden_answers`, as Search-R1 has
them of NQ and TriviaQA. A row may bring its `id`, else it is made of the row's number, counted from 0. It
may bring `steps`, as a decompositions file has them, or `supports`, a list of `title` and `text`.
"""

from __future__ import annotations

from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.benchmarks.examples import Example, make_passage, read_hops
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row


def read_example(dataset: str, row: Row, number: int, split: str, account: Account) -> Example:
    """One row of the dataset; a support without steps is a hop without sub-question and answer.

    Raises:
        DataError: a missing field, a wrong type, no answer.
    """
    question = row.text("Question" if "Question" in row.value else "question")
    identifier = row.text("id") if row.has("id") else f"{dataset}_{number}"
    hops, supports = _read_hops(row, account)
    return Example(Question(identifier, dataset, split, question, _read_answers(row), hops), supports)


def read_support(row: Row) -> Passage:
    """The passage of `title` and `text`."""
    return make_passage(row.text("title"), row.text("text"))


def _read_hops(row: Row, account: Account) -> tuple[tuple[Hop, ...], tuple[Passage, ...]]:
    if row.has("steps"):
        hops = read_hops(row, "steps", lambda hop: read_support(hop).id, account)
        return hops, tuple(map(read_support, row.objects("steps")))
    supports = tuple(map(read_support, row.objects("supports"))) if row.has("supports") else ()
    return tuple(Hop("", "", (support.id,)) for support in supports), supports


def _read_answers(row: Row) -> tuple[str, ...]:
    if not row.has("golden_answers"):
        return (row.text("Answer" if "Answer" in row.value else "answer"),)
    answers = tuple(
        dict.fromkeys(filter(None, (answer.strip() for answer in row.strings("golden_answers"))))
    )
    if not answers:
        raise row.error("golden_answers", "empty")
    return answers
