"""Warm-start trajectories: how synthesis hands them to supervised training, as JSON lines.

A line is `{"question_id", "turns": [{"think", "query", "passage_ids"}, ..., {"think", "answer"}]}`.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepsearch_core.data.row import Row
from stepsearch_core.data.rows import read_rows


@dataclass(frozen=True, slots=True)
class SearchTurn:
    """One search: the thought before it, the query, and the passages that came back, best first."""

    think: str
    query: str
    passage_ids: tuple[str, ...]

    @property
    def said(self) -> str:
        """Thought and query."""
        return f"{self.think} {self.query}"

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {"think": self.think, "query": self.query, "passage_ids": list(self.passage_ids)}


@dataclass(frozen=True, slots=True)
class AnswerTurn:
    """The answer and the thought before it."""

    think: str
    answer: str

    @property
    def said(self) -> str:
        """Thought and answer."""
        return f"{self.think} {self.answer}"

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {"think": self.think, "answer": self.answer}


WarmstartTurn = SearchTurn | AnswerTurn


@dataclass(frozen=True, slots=True)
class WarmstartTrajectory:
    """An imperfect searcher's turns on a question: searches, and an answer at the end."""

    question_id: str
    turns: tuple[WarmstartTurn, ...]
    attempt: int = field(default=1, compare=False)
    """From 1, at the question: known where it was made, and no part of a file."""

    @property
    def searches(self) -> tuple[SearchTurn, ...]:
        """The turns that search."""
        return tuple(turn for turn in self.turns if isinstance(turn, SearchTurn))

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {"question_id": self.question_id, "turns": [turn.to_json() for turn in self.turns]}

    @classmethod
    def from_json(cls, row: Row, questions: Container[str], passages: Container[str]) -> WarmstartTrajectory:
        """Read one.

        Raises:
            DataError: a field is missing or of another type, or an unknown question or passage.
        """
        identifier = row.text("question_id")
        if identifier not in questions:
            raise row.error("question_id", f"no question has the id {identifier!r}")
        turns = tuple(_read_turn(turn, passages) for turn in row.objects("turns"))
        if not turns:
            raise row.error("turns", "empty")
        return cls(identifier, turns)


def load_trajectories(
    path: Path | str, questions: Container[str], passages: Container[str]
) -> list[WarmstartTrajectory]:
    """The trajectories of a file, in its order.

    Args:
        path: JSON lines.
        questions: The ids that trajectories may name.
        passages: The ids that searches may name: a corpus, say.

    Raises:
        DataError: a missing or empty file, damage, or an unknown question or passage; names line and field.
    """
    return [WarmstartTrajectory.from_json(row, questions, passages) for row in read_rows(path)]


def _read_turn(turn: Row, passages: Container[str]) -> WarmstartTurn:
    think = turn.string("think")
    if "query" not in turn.value:
        return AnswerTurn(think, turn.string("answer"))
    found = turn.strings("passage_ids")
    for identifier in found:
        if identifier not in passages:
            raise turn.error("passage_ids", f"no passage has the id {identifier!r}")
    return SearchTurn(think, turn.string("query"), found)
