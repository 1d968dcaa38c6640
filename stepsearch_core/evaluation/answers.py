"""A policy's answers so far, by question: each is kept as soon as it ends, and not asked for again.

Each rank adds lines to a file of its own (`base.journal`). Whoever starts again finds the answers in all
files, whichever rank they are of, and the questions that are left are shared anew. Of a question with
several samples nothing is kept before the last of them; nothing either of one that retriever or engine
failed: it has its record in this run, and is asked again after a kill.

What is asked after a kill has other company in its batches than it would have had. It is answered alike as
far as an engine computes a context alike whoever else is in the batch (`sampling.transformers_engine`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from stepsearch_core.base.journal import Journal, read_journal
from stepsearch_core.base.ranks import is_main, rank
from stepsearch_core.base.types import FAILURES, Question, StopReason, Trajectory
from stepsearch_core.data.row import Row
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.evaluation.asked import Key
from stepsearch_core.learning.distributed import gather
from stepsearch_core.rollout.recording import mean_record
from stepsearch_core.rollout.records import QuestionRecord

TO_DISK_EVERY = 10.0
"""Seconds of answers that a loss of power may take; a kill takes none."""
_ASKED_AGAIN = set(FAILURES) - {StopReason.PROMPT_TOO_LONG}


class Answers:
    """Records by question, and the seconds that they took. Made, read and put together by all ranks."""

    def __init__(
        self, folder: Path | None, samples: int, record: Callable[[Trajectory, Question], QuestionRecord]
    ) -> None:
        """Find what is kept.

        Args:
            folder: of the answers of one policy, which need not exist; None: nothing is kept.
            samples: trajectories of a question.
            record: makes that of a trajectory.

        Raises:
            DataError: what was kept is damaged.
        """
        self._folder, self._samples, self._record = folder, samples, record
        self._made: dict[Key, QuestionRecord] = {}
        self._samples_of: dict[Key, dict[int, QuestionRecord]] = {}
        self._failed: set[Key] = set()
        before = 0.0
        if folder is not None and is_main():
            self._made, before = read_answers(sorted(folder.glob("*.jsonl")))
        self.kept: set[Key]
        """Questions that were answered before."""
        self.kept, self._before = gather([(set(self._made), before)])[0]  # as the first rank finds it
        self._began = time.perf_counter()
        self._on_disk = self._before
        self._journal: Journal | None = None

    def begin(self) -> None:
        """From now on time counts."""
        self._began = time.perf_counter()

    def add(self, episode: Episode) -> None:
        """Take one that has ended. Its tokens are let go: those of all together would fill the memory."""
        question, played = episode.question, episode.trajectory
        key = (question.dataset, question.id)
        samples = self._samples_of.setdefault(key, {})
        samples[played.sample] = self._record(played, question)
        if played.stop_reason in _ASKED_AGAIN:
            self._failed.add(key)
        played.segments.clear()
        if len(samples) < self._samples:
            return
        self._made[key] = mean_record([made for _, made in sorted(self._samples_of.pop(key).items())])
        if self._folder is not None and key not in self._failed:
            self._keep(self._folder, self._made[key])

    def together(self) -> tuple[dict[Key, QuestionRecord], float]:
        """The records of all ranks and the seconds of all runs, on every rank. Nothing is added any more."""
        if self._journal is not None:
            self._journal.close()
        seconds = max(gather([self._seconds if self._made.keys() - self.kept else self._before]))
        return dict(gather(list(self._made.items()))), seconds

    def _keep(self, folder: Path, made: QuestionRecord) -> None:
        seconds = self._seconds
        to_disk = seconds - self._on_disk > TO_DISK_EVERY
        self._journal = self._journal or Journal(folder / f"{rank()}.jsonl")
        self._journal.add({"seconds": seconds, "answer": made.to_json()}, to_disk)
        self._on_disk = seconds if to_disk else self._on_disk

    @property
    def _seconds(self) -> float:
        return self._before + time.perf_counter() - self._began


def read_answers(files: Iterable[Path]) -> tuple[dict[Key, QuestionRecord], float]:
    """The records in the files that ranks wrote, the first of each question, and the seconds of all runs.

    Raises:
        DataError: a line is damaged, other than by a kill.
    """
    found: dict[Key, QuestionRecord] = {}
    seconds = 0.0
    for path in files:
        for number, value in read_journal(path):
            row = Row(f"{path}, line {number}", value)
            made = QuestionRecord.from_json(row.object("answer"))
            found.setdefault((made.dataset, made.id), made)
            seconds = max(seconds, row.number("seconds"))
    return found, seconds
