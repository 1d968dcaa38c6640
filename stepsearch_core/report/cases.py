"""Case studies: questions drawn by outcome, and each policy's trajectory on them, turn by turn.

Within an outcome the questions are drawn at random from all benchmarks in turn and not picked by hand:
failures of the trained policy get their share of the page.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from stepsearch_core.base.streams import Name, draws
from stepsearch_core.report.inputs import BASELINE, TRAINED, Records
from stepsearch_core.rollout.records import HopRecord, QuestionRecord

OUTCOMES = {
    "fixed": "only the trained policy is right",
    "worse": "only the warm start is right",
    "failed": "both are wrong",
    "solved": "both are right",
}
SHARES = {"fixed": 4, "failed": 2, "worse": 1, "solved": 1}
"""How many of every eight cases show each outcome, as far as there are any."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question with the record of every policy that was measured on it."""

    number: int
    benchmark: str
    outcome: str
    question: str
    answers: tuple[str, ...]
    hops: tuple[HopRecord, ...]
    records: dict[str, QuestionRecord]


def outcome_of(before: QuestionRecord, after: QuestionRecord) -> str:
    """Which of `OUTCOMES` the exact matches of warm start and trained policy make."""
    if after.measures["em"]:
        return "solved" if before.measures["em"] else "fixed"
    return "worse" if before.measures["em"] else "failed"


def outcome_counts(records: Records) -> dict[str, dict[str, int]]:
    """How many questions of each benchmark have each outcome."""
    grouped = _by_outcome(records)
    return {
        benchmark: {outcome: len(grouped[outcome].get(benchmark, [])) for outcome in OUTCOMES}
        for benchmark in records[TRAINED]
    }


def choose_cases(records: Records, count: int, seed: int = 0) -> list[Case]:
    """Draw `count` questions (fewer if there are not as many), outcomes by `SHARES`, benchmarks in turn."""
    queues = {
        outcome: _benchmarks_in_turn(benchmarks, draws(seed, Name.CASES, number))
        for number, (outcome, benchmarks) in enumerate(_by_outcome(records).items())
    }
    chosen: list[tuple[str, str, str]] = []
    while queues and len(chosen) < count:
        for outcome, share in SHARES.items():
            drawn = [next(queues[outcome], None) for _ in range(share)] if outcome in queues else []
            chosen += [(outcome, *item) for item in drawn if item]
            if None in drawn:
                del queues[outcome]
    chosen = sorted(chosen[:count], key=lambda item: list(OUTCOMES).index(item[0]))
    return [_case(records, number, *item) for number, item in enumerate(chosen, start=1)]


def _by_outcome(records: Records) -> dict[str, dict[str, list[str]]]:
    grouped: dict[str, dict[str, list[str]]] = {outcome: {} for outcome in SHARES}
    for benchmark, trained in records[TRAINED].items():
        baseline = records[BASELINE].get(benchmark, {})
        for question_id, after in trained.items():
            if question_id in baseline:
                outcome = outcome_of(baseline[question_id], after)
                grouped[outcome].setdefault(benchmark, []).append(question_id)
    return grouped


def _benchmarks_in_turn(
    benchmarks: dict[str, list[str]], generator: random.Random
) -> Iterator[tuple[str, str]]:
    queues = {name: generator.sample(ids, len(ids)) for name, ids in benchmarks.items()}
    while any(queues.values()):
        for name, ids in queues.items():
            if ids:
                yield name, ids.pop()


def _case(records: Records, number: int, outcome: str, benchmark: str, question_id: str) -> Case:
    found = {
        policy: benchmarks[benchmark][question_id]
        for policy, benchmarks in records.items()
        if question_id in benchmarks.get(benchmark, {})
    }
    record = found[TRAINED]
    return Case(number, benchmark, outcome, record.question, record.answers, record.hops, found)
