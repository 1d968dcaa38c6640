"""Case studies of a study: where the variant that it is about gains most over the baseline, where it loses
most, and where it fails, with what both and the warm start did on the question.

Replicates may have worlds of their own, so a question is told by its text, too, and what several replicates
say of it counts before how much one says: gains and losses that are most often found come first. Failures
are drawn at random among the questions that most replicates fail, settings and benchmarks in turn.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from stepsearch_core.base.streams import Name, draws
from stepsearch_core.report.inputs import BASELINE
from stepsearch_core.report.results import F1
from stepsearch_core.rollout.records import QuestionRecord
from stepsearch_core.studies.outcomes import Outcome
from stepsearch_core.studies.tables import Analysis, compared, labels

SHOWN = {"gained": 4, "lost": 2, "failed": 4}
"""How many cases of each kind are shown."""
KINDS = {"gained": "largest gains", "lost": "largest losses", "failed": "failures, drawn at random"}


@dataclass(frozen=True, slots=True)
class Answered:
    """A question as one replicate answered it: the records of warm start, baseline, variant."""

    label: str
    records: tuple[QuestionRecord, QuestionRecord, QuestionRecord]

    @property
    def gain(self) -> float:
        """In F1, of the variant over the baseline."""
        after, before = (self.records[place].measures[F1.key] or 0.0 for place in (2, 1))
        return after - before

    @property
    def failed(self) -> bool:
        """Whether the variant's answer is no exact match."""
        return not self.records[2].measures["em"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with all its replicates' answers."""

    setting: str
    benchmark: str
    answered: tuple[Answered, ...]

    @property
    def balance(self) -> int:
        """Replicates with a gain less those with a loss."""
        return sum((item.gain > 0) - (item.gain < 0) for item in self.answered)

    @property
    def gain(self) -> float:
        """The mean over replicates."""
        return sum(item.gain for item in self.answered) / len(self.answered)

    @property
    def failures(self) -> int:
        """Replicates that the variant fails in."""
        return sum(item.failed for item in self.answered)


@dataclass(frozen=True, slots=True)
class Case:
    """A question to show, as one replicate answered it: what is said of it, and (key, name, record) of each
    policy.
    """

    kind: str
    setting: str
    benchmark: str
    said: str
    shown: QuestionRecord
    policies: tuple[tuple[str, str, QuestionRecord], ...]


def choose_cases(analysis: Analysis, outcomes: Sequence[Outcome], seed: int = 0) -> list[Case]:
    """The cases, by kind; none where the study has no two variants to compare or no records of them."""
    name = compared(analysis)
    asked = [] if name is None else _asked(outcomes, name, analysis["baseline"])
    ordered = {
        "gained": sorted((item for item in asked if item.balance > 0), key=lambda item: _rank(item, 1)),
        "lost": sorted((item for item in asked if item.balance < 0), key=lambda item: _rank(item, -1)),
        "failed": _in_turn(
            (item for item in asked if 2 * item.failures > len(item.answered)), draws(seed, Name.CASES)
        ),
    }
    return [
        _case(analysis, kind, item) for kind, count in SHOWN.items() for item in _fresh(ordered, kind, count)
    ]


def _fresh(ordered: dict[str, list[Asked]], kind: str, count: int) -> list[Asked]:
    """The first of a kind; failures that do not stand among gains and losses already."""
    before = [item for other in ("gained", "lost") for item in ordered[other][: SHOWN[other]]]
    taken = before if kind == "failed" else []
    return [item for item in ordered[kind] if item not in taken][:count]


def counts(analysis: Analysis, outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Of how many questions there are, how many are gained and lost more often than not, and how many fail
    in most replicates.
    """
    name = compared(analysis)
    asked = [] if name is None else _asked(outcomes, name, analysis["baseline"])
    return {
        "questions": len(asked),
        "gained": sum(item.balance > 0 for item in asked),
        "lost": sum(item.balance < 0 for item in asked),
        "failed": sum(2 * item.failures > len(item.answered) for item in asked),
    }


def _asked(outcomes: Sequence[Outcome], name: str, baseline: str) -> list[Asked]:
    """All questions that variant, baseline and warm start answered, by setting, benchmark and text."""
    runs = {(run.setting, run.replicate): run for run in outcomes if run.variant == baseline}
    found: dict[tuple[str, str, str], list[Answered]] = {}
    for run in outcomes:
        other = runs.get((run.setting, run.replicate))
        if run.variant == name and other is not None:
            for benchmark, key, answered in _answers(run, other):
                place = (run.setting, benchmark, f"{key}\n{answered.records[2].question}")
                found.setdefault(place, []).append(answered)
    return [Asked(setting, benchmark, tuple(answers)) for (setting, benchmark, _), answers in found.items()]


def _answers(run: Outcome, other: Outcome) -> Iterator[tuple[str, str, Answered]]:
    """(benchmark, question id, answers) of all questions that a variant's run shares with the baseline's."""
    for benchmark, records in run.records.items():
        before, against = run.before.get(benchmark, {}), other.records.get(benchmark, {})
        for key, record in records.items():
            if key in before and key in against:
                yield benchmark, key, Answered(run.label, (before[key], against[key], record))


def _rank(item: Asked, sign: int) -> tuple[int, float, str]:
    """The most replicates first, then the largest difference; the rest by the question."""
    return -sign * item.balance, -sign * item.gain, item.answered[0].records[2].id


def _in_turn(asked: Iterable[Asked], generator: random.Random) -> list[Asked]:
    """In random order, with settings and benchmarks taking turns."""
    groups: dict[tuple[str, str], list[Asked]] = {}
    for item in asked:
        groups.setdefault((item.setting, item.benchmark), []).append(item)
    shuffled = [generator.sample(items, len(items)) for items in groups.values()]
    longest = max(map(len, shuffled), default=0)
    return [items[place] for place in range(longest) for items in shuffled if place < len(items)]


def _case(analysis: Analysis, kind: str, item: Asked) -> Case:
    """The replicate that shows it best: with the largest gain or loss, or the first that fails."""
    best: dict[str, Callable[[Answered], float]] = {
        "gained": lambda answered: answered.gain,
        "lost": lambda answered: -answered.gain,
        "failed": lambda answered: float(answered.failed),
    }
    shown = max(item.answered, key=best[kind])
    called = labels(analysis["variants"])
    names = {
        BASELINE: "",
        "baseline": called[analysis["baseline"]],
        "compared": called[str(compared(analysis))],
    }
    return Case(
        kind,
        labels(analysis["settings"]).get(item.setting, item.setting),
        item.benchmark,
        f"{_often(kind, item)}; shown: {shown.label}",
        shown.records[2],
        tuple((key, name, record) for (key, name), record in zip(names.items(), shown.records, strict=True)),
    )


def _often(kind: str, item: Asked) -> str:
    """In how many of its replicates it is so."""
    often = {
        "gained": sum(answered.gain > 0 for answered in item.answered),
        "lost": sum(answered.gain < 0 for answered in item.answered),
        "failed": item.failures,
    }[kind]
    return f"{kind} in {often} of {len(item.answered)}"
