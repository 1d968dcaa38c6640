"""HotpotQA: a JSON array with ten paragraphs and supporting facts. It has no decomposition, so a step is a support."""

from __future__ import annotations

from stepsearch_core.data.records import Record, read_context, read_supports
from stepsearch_core.data.rows import Row
from stepsearch_core.types import Question, Step


def read_record(row: Row, number: int, split: str) -> Record:
    """One row; each supporting paragraph is a step without sub-question and sub-answer.

    Raises:
        DataError: a missing field, a wrong type, a supporting fact that is not in the context.
    """
    context = read_context(row)
    steps = tuple(Step("", "", (passage.id,)) for passage in read_supports(row, context).values())
    question = Question(row.text("_id"), "hotpotqa", split, row.text("question"), (row.text("answer"),), steps)
    return Record(question, context)
