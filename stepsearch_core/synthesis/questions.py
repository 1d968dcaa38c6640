"""Questions as JSON lines: how stages hand questions with their hops and search keys to later stages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepsearch_core.base.io import write_jsonl
from stepsearch_core.base.types import Hop, Question
from stepsearch_core.data.row import Row
from stepsearch_core.data.rows import read_rows


def question_to_json(question: Question) -> dict[str, Any]:
    """A plain object with the field names of `Question` and `Hop`."""
    return asdict(question)


def question_from_json(value: dict[str, Any], place: str = "question") -> Question:
    """The inverse of `question_to_json`; `place` goes into error messages.

    Raises:
        DataError: a missing field or a wrong type.
    """
    row = Row(place, value)
    hops = tuple(_hop_from_row(hop) for hop in row.objects("hops"))
    return Question(
        id=row.text("id"),
        dataset=row.text("dataset"),
        split=row.text("split"),
        question=row.text("question"),
        answers=row.strings("answers"),
        hops=hops,
    )


def write_questions(path: Path | str, questions: Iterable[Question]) -> int:
    """Write one question a line, atomically; returns their number."""
    return write_jsonl(path, map(question_to_json, questions))


def load_questions(path: Path | str) -> list[Question]:
    """Read what `write_questions` wrote.

    Raises:
        DataError: a missing or empty file, or damage; names line and field.
    """
    return [question_from_json(row.value, row.place) for row in read_rows(path)]


def _hop_from_row(row: Row) -> Hop:
    return Hop(
        sub_question=row.string("sub_question"),
        sub_answer=row.string("sub_answer"),
        support_ids=row.strings("support_ids"),
        search_keys=row.strings("search_keys"),
    )
