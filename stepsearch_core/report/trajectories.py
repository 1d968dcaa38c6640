"""What training kept of its trajectories (`training.kept`): records with their step and their tokens.

Files of earlier versions have records without tokens, as trajectories have that nothing was learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stepsearch_core.base.io import read_jsonl
from stepsearch_core.base.types import Author
from stepsearch_core.data.row import Row
from stepsearch_core.rollout.records import QuestionRecord

VALUES = ("reward", "advantage", "log_prob", "value", "log_ratio", "kl")
"""What may be known of each token that the policy wrote: a run without critic has no values, one without a
reference neither of the last two.
"""


@dataclass(frozen=True, slots=True)
class TokenSegment:
    """The texts of consecutive tokens of one author within a turn (from 0)."""

    turn: int
    author: Author
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Every token after the prompt, and by name (`VALUES`) a number for each one of the policy's."""

    segments: tuple[TokenSegment, ...]
    values: dict[str, tuple[float | None, ...]]


@dataclass(frozen=True, slots=True)
class KeptTrajectory:
    """A record of a training step (from 1)."""

    step: int
    record: QuestionRecord
    tokens: Tokens | None


def read_kept(path: Path) -> list[KeptTrajectory]:
    """The trajectories of a file in its order; none where there is no file, as of runs of earlier versions.

    Raises:
        DataError: the file is damaged, or not as many numbers as tokens; the error names line and field.
    """
    if not path.is_file():
        return []
    rows = (Row(f"{path}, line {number}", value) for number, value in read_jsonl(path))
    return [
        KeptTrajectory(
            step=row.integer("step"),
            record=QuestionRecord.from_json(row),
            tokens=_tokens(row.object("tokens")) if row.has("tokens") else None,
        )
        for row in rows
    ]


def _tokens(row: Row) -> Tokens:
    segments = tuple(
        TokenSegment(part.integer("turn"), part.choice(Author, "author"), part.strings("texts"))
        for part in row.objects("segments")
    )
    written = sum(len(segment.texts) for segment in segments if segment.author is Author.POLICY)
    return Tokens(segments, {name: _numbers(row, name, written) for name in VALUES if row.has(name)})


def _numbers(row: Row, name: str, count: int) -> tuple[float | None, ...]:
    items = row.items(name)
    if len(items) != count:
        raise row.error(name, f"{len(items)} numbers for {count} tokens that the policy wrote")
    by_place = Row(row.place, {str(place): item for place, item in enumerate(items)}, f"{row.prefix}{name}.")
    return tuple(by_place.optional(by_place.number, place) for place in by_place.value)
