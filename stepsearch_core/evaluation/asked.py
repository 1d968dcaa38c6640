"""The questions of all benchmarks as one list, and what each policy is asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import Question
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.params import BENCHMARKS, CEILINGS, EvaluateParams
from stepsearch_core.rollout.sources import Streams

Key = tuple[str, str]
"""Benchmark and question id."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its number in its benchmark, from 0."""

    question: Question
    number: int

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.question.dataset, self.question.id

    @property
    def has_gold(self) -> bool:
        """Whether there are gold sub-questions and supports, so that ceilings answer it."""
        return self.question.has_decomposition and bool(self.question.support_ids)


def read_asked(data: Path, params: EvaluateParams) -> list[Asked]:
    """The questions of all benchmarks, in order, with the corpus's own passages as gold.

    Raises:
        DataError: a folder or file of `fetch` or `corpus` is missing or damaged.
    """
    matched = GoldMatches.open(data / "corpus")
    return [
        Asked(matched(question), number)
        for benchmark in params.benchmarks
        for number, question in enumerate(
            read_questions(data / "fetch", benchmark, "test")[: params.questions]
        )
    ]


def asked_of(policy: str, asked: Sequence[Asked]) -> list[Asked]:
    """Those that a policy is asked: ceilings only where there is something gold to ask for."""
    return [one for one in asked if one.has_gold or policy not in CEILINGS]


def samples_of(policy: str, params: EvaluateParams) -> int:
    """Trajectories of a question; ceilings answer once."""
    return 1 if policy in CEILINGS else params.samples or 1


def streams_of(asked: Sequence[Asked], params: EvaluateParams, seed: int) -> Streams:
    """What each trajectory of a policy draws from, whoever plays it and when; None: all are greedy."""
    samples = params.samples
    if samples is None:
        return None
    return [
        stream(seed, Name.EVALUATION, BENCHMARKS.index(one.question.dataset), number)
        for one in asked
        for number in range(one.number * samples, (one.number + 1) * samples)
    ]


def in_parts(asked: Sequence[Asked], size: int) -> Iterator[list[Question]]:
    """The questions, so many at a time, each part of one benchmark: there ids tell questions apart."""
    for _, of_benchmark in groupby(asked, lambda one: one.question.dataset):
        questions = [one.question for one in of_benchmark]
        for start in range(0, len(questions), size):
            yield questions[start : start + size]
