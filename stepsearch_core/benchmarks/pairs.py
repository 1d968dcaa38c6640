"""Questions with their answers, and what is known besides: most benchmarks, questions of one's own (`qa`).

A CSV of `Question,Answer`, or JSON lines of `question` with its answers: `golden_answers`, as FlashRAG and
Search-R1 have all of them, `possible_answers` (PopQA), or `answer`, a text, a list (NQ) or an object of
`value` and `aliases` (TriviaQA). A row may bring its `id`, else it is made of the row's number, counted from
0. It may bring `steps`, as a decompositions file has them, or `supports`, a list of `title` and `text`.
"""

from __future__ import annotations

from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.benchmarks.examples import Example, make_passage, read_hops
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row

_LISTS = ("golden_answers", "possible_answers")
"""Fields that hold lists, or their texts."""


def read_example(dataset: str, row: Row, number: int, split: str, account: Account) -> Example:
    """One row of the dataset; a support without steps is a hop without sub-question and answer.

    Raises:
        DataError: a missing field, a wrong type, no answer.
    """
    question = row.text("Question" if "Question" in row.value else "question")
    training = "train_" if split == "train" else ""
    identifier = row.identifier("id") if row.has("id") else f"{dataset}_{training}{number}"
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
    """All accepted ones, the canonical one first."""
    lists = [name for name in _LISTS if row.has(name)]
    field = lists[0] if lists else "Answer" if "Answer" in row.value else "answer"
    value = row.get(field)
    if isinstance(value, dict):
        answer = row.object(field)
        answers: tuple[str, ...] = (answer.text("value"), *answer.strings("aliases"))
    elif lists or isinstance(value, list):
        answers = row.strings(field)
    else:
        answers = (row.text(field),)
    kept = tuple(dict.fromkeys(filter(None, (answer.strip() for answer in answers))))
    if not kept:
        raise row.error(field, "empty")
    return kept
