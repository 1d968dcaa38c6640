"""The record of an answered question: what the policy did turn by turn, and how it is measured.

Evaluation writes one a question as JSON lines, training one for some of its trajectories; re-evaluation and
report read them. `rollout.recording` makes them. In JSON the measures stand beside the other fields, each
under its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stepsearch_core.base.io import read_jsonl, write_jsonl
from stepsearch_core.base.types import ActionKind, InvalidReason, StopReason
from stepsearch_core.data.row import Row
from stepsearch_core.metrics.measures import BRIEF, EVALUATED


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage that a search showed: whether it is gold, an earlier search had shown it, it is cut."""

    id: str
    title: str
    text: str
    gold: bool
    repeated: bool
    cut: bool

    @classmethod
    def from_json(cls, row: Row) -> ShownPassage:
        """Read one.

        Raises:
            DataError: a field is missing or of another type.
        """
        return cls(
            id=row.string("id"),
            title=row.string("title"),
            text=row.string("text"),
            gold=row.flag("gold"),
            repeated=row.flag("repeated"),
            cut=row.flag("cut"),
        )


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A turn. `query` and the two step rewards (unweighted) are those of a search, None in other turns."""

    text: str
    action: ActionKind
    reason: InvalidReason | None
    query: str | None
    passages: tuple[ShownPassage, ...]
    hidden_ids: tuple[str, ...]
    information_gain: float | None
    redundancy: float | None

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {
            "text": self.text,
            "action": self.action.value,
            "reason": None if self.reason is None else self.reason.value,
            "query": self.query,
            "passages": [asdict(passage) for passage in self.passages],
            "hidden_ids": list(self.hidden_ids),
            "information_gain": self.information_gain,
            "redundancy": self.redundancy,
        }

    @classmethod
    def from_json(cls, row: Row) -> TurnRecord:
        """Read one.

        Raises:
            DataError: a field is missing or of another type.
        """
        return cls(
            text=row.string("text"),
            action=row.choice(ActionKind, "action"),
            reason=row.optional(lambda field: row.choice(InvalidReason, field), "reason"),
            query=row.optional(row.string, "query"),
            passages=tuple(map(ShownPassage.from_json, row.objects("passages"))),
            hidden_ids=row.strings("hidden_ids"),
            information_gain=row.optional(row.number, "information_gain"),
            redundancy=row.optional(row.number, "redundancy"),
        )


@dataclass(frozen=True, slots=True)
class HopRecord:
    """What a hop asks and is answered by, empty where a benchmark names only supports; and these."""

    sub_question: str
    sub_answer: str
    support_ids: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {**asdict(self), "support_ids": list(self.support_ids)}

    @classmethod
    def from_json(cls, row: Row) -> HopRecord:
        """Read one; of records that earlier versions wrote it has no supports.

        Raises:
            DataError: a field is missing or of another type.
        """
        supports = row.strings("support_ids") if "support_ids" in row.value else ()
        return cls(row.string("sub_question"), row.string("sub_answer"), supports)


@dataclass(frozen=True, slots=True)
class QuestionRecord:
    """A question, what a policy answered and how, and everything in `metrics.measures.EVALUATED`, by key.

    With several `samples` of a question, measures are their means and the rest is the first one's. Rewards
    are unweighted.
    """

    id: str
    dataset: str
    question: str
    answers: tuple[str, ...]
    prediction: str | None
    measures: dict[str, float | None]
    stop_reason: StopReason
    response_length: int
    support_ids: tuple[str, ...]
    hops: tuple[HopRecord, ...]
    turns: tuple[TurnRecord, ...]
    answer_reward: float
    search_key_reward: float
    samples: int = 1

    def to_json(self) -> dict[str, Any]:
        """As it stands in a file; `samples` is left out if there is one."""
        return {
            "id": self.id,
            "dataset": self.dataset,
            "question": self.question,
            "answers": list(self.answers),
            "prediction": self.prediction,
            **self.measures,
            "stop_reason": self.stop_reason.value,
            "response_length": self.response_length,
            "support_ids": list(self.support_ids),
            "hops": [hop.to_json() for hop in self.hops],
            "turns": [turn.to_json() for turn in self.turns],
            "rewards": {"answer": self.answer_reward, "search_key": self.search_key_reward},
            **({"samples": self.samples} if self.samples > 1 else {}),
        }

    @classmethod
    def from_json(cls, row: Row) -> QuestionRecord:
        """Read one.

        Raises:
            DataError: a field is missing or of another type.
        """
        rewards = row.object("rewards")
        return cls(
            id=row.string("id"),
            dataset=row.string("dataset"),
            question=row.string("question"),
            answers=row.strings("answers"),
            prediction=row.optional(row.string, "prediction"),
            measures={key: _measure(row, key) for key in EVALUATED},
            stop_reason=row.choice(StopReason, "stop_reason"),
            response_length=row.integer("response_length"),
            support_ids=row.strings("support_ids"),
            hops=tuple(map(HopRecord.from_json, row.objects("hops"))),
            turns=tuple(map(TurnRecord.from_json, row.objects("turns"))),
            answer_reward=rewards.number("answer"),
            search_key_reward=rewards.number("search_key"),
            samples=row.integer("samples") if "samples" in row.value else 1,
        )


def write_records(folder: Path, records: Mapping[str, Sequence[QuestionRecord]]) -> None:
    """A file BENCHMARK.jsonl for the records of each benchmark."""
    for benchmark, made in records.items():
        write_jsonl(folder / f"{benchmark}.jsonl", (record.to_json() for record in made))


def read_records(path: Path) -> dict[str, QuestionRecord]:
    """The records of a file by question id, in its order; none of an empty one.

    Raises:
        DataError: the file is missing or damaged; the error names line and field.
    """
    rows = (Row(f"{path}, line {number}", value) for number, value in read_jsonl(path))
    return {record.id: record for record in map(QuestionRecord.from_json, rows)}


def _measure(row: Row, key: str) -> float | None:
    """A measure; of records that earlier versions wrote some but the few of `BRIEF` may be missing."""
    return row.optional(row.number, key) if key in BRIEF or key in row.value else None
