"""HotpotQA: a JSON array with ten paragraphs and supporting facts. No decomposition: a hop is a support.

In the fullwiki setting the supports need not be among the paragraphs: such a question has no hops (see
`examples`).
"""

from __future__ import annotations

from stepsearch_core.base.types import Hop, Question
from stepsearch_core.benchmarks.examples import Example, read_context, read_supports
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row


def read_example(row: Row, number: int, split: str, account: Account) -> Example:
    """One row; each supporting paragraph is a hop without sub-question and answer; none if one is missing.

    Raises:
        DataError: a missing field or a wrong type.
    """
    context = read_context(row)
    hops = tuple(Hop("", "", (passage.id,)) for passage in read_supports(row, context, account).values())
    question = Question(
        row.text("_id"), "hotpotqa", split, row.text("question"), (row.text("answer"),), hops
    )
    return Example(question, context)
