"""Benchmarks in portions: the records of one that is answered are kept, and its questions not asked again.

Parameters alone say where portions end, so that whoever goes on asks together what an evaluation that is
never killed asks together: engines may round differently with who else is in a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepsearch_core.base.io import read_json, write_json, write_jsonl
from stepsearch_core.base.ranks import is_main
from stepsearch_core.base.types import Question
from stepsearch_core.learning.distributed import gather
from stepsearch_core.params import EvaluateParams
from stepsearch_core.rollout.records import QuestionRecord, read_records

BATCHES = 4
"""Of `evaluate.batch_size` trajectories a process, in a portion: at its end slots are idle, and a kill loses
one at most.
"""


@dataclass(frozen=True, slots=True)
class Portion:
    """Questions of a benchmark, the first of them its question `first`, counted from 0."""

    benchmark: str
    first: int
    questions: list[Question]

    @property
    def askable(self) -> list[Question]:
        """The questions with gold sub-questions and supports, which ceilings answer."""
        return [asked for asked in self.questions if asked.has_decomposition and asked.support_ids]


def portions(questions: Mapping[str, Sequence[Question]], params: EvaluateParams) -> list[Portion]:
    """All questions of all benchmarks, in order."""
    trajectories = BATCHES * params.batch_size * params.processes
    size = max(1, trajectories // (params.samples or 1))
    return [
        Portion(benchmark, first, list(asked[first : first + size]))
        for benchmark, asked in questions.items()
        for first in range(0, len(asked), size)
    ]


class Kept:
    """The records of portions in a folder, of one policy; called by every rank, written by the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __contains__(self, portion: Portion) -> bool:
        return gather([self._file(portion).is_file()])[0]  # as the first rank finds it

    def read(self, portion: Portion) -> list[QuestionRecord]:
        """What `write` wrote; none on the ranks that have written nothing.

        Raises:
            DataError: the file is damaged.
        """
        return list(read_records(self._file(portion)).values()) if is_main() else []

    def seconds(self, portion: Portion) -> float:
        """What answering it took, on the first rank."""
        return float(read_json(self._seconds(portion))) if is_main() else 0.0

    def write(self, portion: Portion, records: Sequence[QuestionRecord], seconds: float) -> None:
        """Keep the records, whole or not at all, and what answering took."""
        if is_main():
            write_json(self._seconds(portion), seconds)
            write_jsonl(self._file(portion), (record.to_json() for record in records))

    def _seconds(self, portion: Portion) -> Path:
        return self._file(portion).with_suffix(".seconds.json")

    def _file(self, portion: Portion) -> Path:
        return self._folder / portion.benchmark / f"{portion.first:06d}.jsonl"
