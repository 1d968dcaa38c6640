"""Warm-start trajectories as JSON lines: how synthesis hands them to supervised training.

A line is `{"question_id", "turns": [{"think", "query", "passage_ids"}, ..., {"think", "answer"}]}`.
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import Any

from stepsearch_core.data.rows import Row, read_rows


def load_trajectories(
    path: Path | str, questions: Container[str], passages: Container[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """The question id and the turns of every trajectory, in the order of the file.

    Args:
        path: JSON lines.
        questions: The ids that trajectories may name.
        passages: The ids that searches may name: a corpus, say.

    Raises:
        DataError: a missing or empty file, damage, or an unknown question or passage; names line and field.
    """
    trajectories = []
    for row in read_rows(path):
        identifier = row.text("question_id")
        if identifier not in questions:
            raise row.error("question_id", f"no question has the id {identifier!r}")
        turns = [_read_turn(turn, passages) for turn in row.objects("turns")]
        if not turns:
            raise row.error("turns", "empty")
        trajectories.append((identifier, turns))
    return trajectories


def _read_turn(turn: Row, passages: Container[str]) -> dict[str, Any]:
    think = turn.string("think")
    if "query" not in turn.value:
        return {"think": think, "answer": turn.string("answer")}
    found = turn.strings("passage_ids")
    for identifier in found:
        if identifier not in passages:
            raise turn.error("passage_ids", f"no passage has the id {identifier!r}")
    return {"think": think, "query": turn.string("query"), "passage_ids": list(found)}
