"""Case studies: questions drawn by outcome, and each policy's trajectory on them, turn by turn.

Within an outcome the questions are drawn at random from all benchmarks in turn and not picked by hand:
failures of the trained policy get their share of the page.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from stepsearch_core.base.streams import Name, draws
from stepsearch_core.params import CEILINGS
from stepsearch_core.report.inputs import BASELINE, TRAINED, Records
from stepsearch_core.rollout.records import HopRecord, QuestionRecord

ORDER = ("fixed", "worse", "failed", "solved")
SHARES = {"fixed": 4, "failed": 2, "worse": 1, "solved": 1}
"""How many of every eight cases show each outcome, as far as there are any."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question with the record of every policy that was measured on it."""

    number: int
    benchmark: str
    id: str
    outcome: str
    question: str
    answers: tuple[str, ...]
    hops: tuple[HopRecord, ...]
    records: dict[str, QuestionRecord]


def compared(policies: Iterable[str]) -> tuple[str, str]:
    """The two policies whose answers make the outcomes: warm start and trained policy, or the first two that
    are no ceilings; where there is one alone, it is both.
    """
    asked = [policy for policy in policies if policy not in CEILINGS]
    if {BASELINE, TRAINED} <= set(asked):
        return BASELINE, TRAINED
    return asked[0], asked[min(1, len(asked) - 1)]


def outcomes(policies: Iterable[str]) -> dict[str, str]:
    """What each outcome says of the two that are compared."""
    before, after = compared(policies)
    if before == after:
        return {"failed": "wrong", "solved": "right"}
    if after == TRAINED:
        only = {"fixed": "only the trained policy is right", "worse": "only the warm start is right"}
    else:
        only = {"fixed": f"only {after} is right", "worse": f"only {before} is right"}
    return {**only, "failed": "both are wrong", "solved": "both are right"}


def outcome_of(before: QuestionRecord, after: QuestionRecord) -> str:
    """Which of `outcomes` the exact matches of two answers make."""
    if after.measures["em"]:
        return "solved" if before.measures["em"] else "fixed"
    return "worse" if before.measures["em"] else "failed"


def outcome_counts(records: Records) -> dict[str, dict[str, int]]:
    """How many questions of each benchmark have each outcome."""
    grouped, named = _by_outcome(records), outcomes(records)
    return {
        benchmark: {outcome: len(grouped[outcome].get(benchmark, [])) for outcome in named}
        for benchmark in records[compared(records)[1]]
    }


def choose_cases(records: Records, count: int, seed: int = 0) -> list[Case]:
    """Draw `count` questions (fewer if there are not as many), outcomes by `SHARES`, benchmarks in turn."""
    chosen = sorted(islice(drawn(records, seed, SHARES), count), key=lambda item: ORDER.index(item[0]))
    return [_case(records, number, *item) for number, item in enumerate(chosen, start=1)]


def drawn(records: Records, seed: int, shares: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    """Outcome, benchmark and id of every question that both policies compared have answered, in turn as many
    of each outcome as its share says. Within an outcome the order is that of the seed, whatever the shares.
    """
    queues = {
        outcome: _benchmarks_in_turn(benchmarks, draws(seed, Name.CASES, number))
        for number, (outcome, benchmarks) in enumerate(_by_outcome(records).items())
    }
    while queues:
        for outcome in [outcome for outcome in shares if outcome in queues]:
            found = list(islice(queues[outcome], shares[outcome]))
            yield from ((outcome, *item) for item in found)
            if len(found) < shares[outcome]:
                del queues[outcome]


def _by_outcome(records: Records) -> dict[str, dict[str, list[str]]]:
    grouped: dict[str, dict[str, list[str]]] = {outcome: {} for outcome in SHARES}
    first, second = compared(records)
    for benchmark, answered in records[second].items():
        baseline = records[first].get(benchmark, {})
        for question_id, after in answered.items():
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
    record = found[compared(records)[1]]
    return Case(number, benchmark, question_id, outcome, record.question, record.answers, record.hops, found)
