"""MuSiQue-Ans: JSON lines of 20 paragraphs and a decomposition whose hops refer to earlier ones by `#1`."""

from __future__ import annotations

from stepsearch_core.base.types import Passage, Question
from stepsearch_core.benchmarks.examples import Example, make_passage, read_hops
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row


def read_example(row: Row, number: int, split: str, account: Account) -> Example:
    """One row; the question's answers are `answer` and `answer_aliases`.

    Raises:
        DataError: a missing field, a wrong type, an unanswerable row, a support index out of range.
    """
    if row.value.get("answerable", True) is not True:
        raise row.error(
            "answerable", "expected true: unanswerable rows belong to MuSiQue-Full, not to MuSiQue-Ans"
        )
    aliases = (alias.strip() for alias in row.strings("answer_aliases"))
    answers = tuple(dict.fromkeys((row.text("answer"), *filter(None, aliases))))
    paragraphs = _read_paragraphs(row)

    def support_id(hop: Row) -> str:
        idx = hop.integer("paragraph_support_idx")
        if idx not in paragraphs:
            raise hop.error(
                "paragraph_support_idx", f"{idx} is no paragraph's idx (there are {len(paragraphs)})"
            )
        return paragraphs[idx].id

    hops = read_hops(row, "question_decomposition", support_id, account)
    question = Question(row.text("id"), "musique", split, row.text("question"), answers, hops)
    return Example(question, tuple(paragraphs.values()))


def _read_paragraphs(row: Row) -> dict[int, Passage]:
    """Passages by their `idx`."""
    paragraphs: dict[int, Passage] = {}
    for paragraph in row.objects("paragraphs"):
        idx = paragraph.integer("idx")
        if idx in paragraphs:
            raise paragraph.error("idx", f"{idx} occurs twice")
        paragraphs[idx] = make_passage(paragraph.text("title"), paragraph.text("paragraph_text"))
    return paragraphs
