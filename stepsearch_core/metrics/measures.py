"""What is measured of a trajectory: one table with each measure's key, function, name, digits and limit.

Whatever measures, logs, draws, prints or compares trajectories goes through it, so that a measure has one
name: `metrics.json` and training's log call it by its key, the log's greedy answers to validation questions
by the key behind `VALIDATION`, people by its label. What training logs besides, of batches and not of
trajectories, stands in `training.statistics`.

Some measures say how well a policy does; others what it was really shown and could really write. Where one
of these is beyond its limit, the log of the stage and the report say so: the scores then speak of the limits
as much as of the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from stepsearch_core.base.text import Segmenter, words
from stepsearch_core.base.types import InvalidReason, Question, Trajectory
from stepsearch_core.metrics import search
from stepsearch_core.metrics.answers import cover_match, exact_match, word_f1

VALIDATION = "validation/"
"""Begins the names under which training logs measures of greedy answers to validation questions."""


class Better(StrEnum):
    """Which values of a measure are the better ones."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Rules:
    """By what answers and queries are measured: what a word is, and which F1 (`metrics.answers`)."""

    segment: Segmenter = words
    f1: Callable[[str | None, Iterable[str], Segmenter], float] = word_f1


@dataclass(frozen=True, slots=True)
class Measure:
    """A number for each trajectory, None where it is not defined.

    `label` and `note` are its name and what it is; `digits` are those printed behind the point. A share that
    has `problem` is to stay below `warn_above`; `problem` says, behind the share, what is wrong and what
    helps. What is not `evaluated` is in training's log alone.
    """

    key: str
    label: str
    note: str
    function: Callable[[Trajectory, Question, Rules], float | None]
    better: Better = Better.NEITHER
    digits: int = 3
    warn_above: float | None = None
    problem: str = ""
    evaluated: bool = True

    def is_beyond(self, value: float | None) -> bool:
        """Whether a mean is worth a warning."""
        return self.warn_above is not None and value is not None and value > self.warn_above

    @property
    def explanation(self) -> str:
        """The note, and which values are better."""
        return self.note if self.better is Better.NEITHER else f"{self.note}; {self.better} is better"


def _invalid_share(reason: InvalidReason, trajectory: Trajectory) -> float:
    return search.invalid_reasons(trajectory)[reason]


def _because_of(reason: InvalidReason) -> Measure:
    """The share of turns without a valid action for one reason."""
    share = partial(_invalid_share, reason)
    return Measure(
        f"invalid/{reason.name.lower()}",
        f"Invalid: {reason}",
        "share of turns",
        lambda made, asked, rules: share(made),
        Better.LOWER,
        evaluated=False,
    )


MEASURES = (
    Measure(
        "em",
        "EM",
        "share of answers that equal an accepted answer after normalisation",
        lambda made, asked, rules: exact_match(made.answer, asked.answers),
        Better.HIGHER,
    ),
    Measure(
        "f1",
        "F1",
        "word overlap of answer and gold answer, the best over all accepted answers",
        lambda made, asked, rules: rules.f1(made.answer, asked.answers, rules.segment),
        Better.HIGHER,
    ),
    Measure(
        "cover_em",
        "Cover EM",
        "share of answers that hold an accepted answer after normalisation",
        lambda made, asked, rules: cover_match(made.answer, asked.answers, rules.segment),
        Better.HIGHER,
    ),
    Measure(
        "searches",
        "Searches",
        "searches per question",
        lambda made, asked, rules: search.search_count(made),
        digits=2,
    ),
    Measure(
        "redundancy",
        "Redundancy",
        "share of returned passages that an earlier search had returned already",
        lambda made, asked, rules: search.redundancy(made),
        Better.LOWER,
    ),
    Measure(
        "support_recall",
        "Support recall",
        "share of the gold passages that the searches showed",
        lambda made, asked, rules: search.support_recall(made, asked),
        Better.HIGHER,
    ),
    Measure(
        "support_precision",
        "Precision",
        "share of the passages that the searches showed that are gold",
        lambda made, asked, rules: search.support_precision(made, asked),
        Better.HIGHER,
    ),
    Measure(
        "over_search",
        "Over-search",
        "searches per question after all gold passages had been shown",
        lambda made, asked, rules: search.over_search(made, asked),
        Better.LOWER,
        digits=2,
    ),
    Measure(
        "under_search",
        "Under-search",
        "share of questions answered before all gold passages had been shown",
        lambda made, asked, rules: search.under_search(made, asked),
        Better.LOWER,
    ),
    Measure(
        "format_valid",
        "Format valid",
        "share of trajectories in the required format",
        lambda made, asked, rules: float(search.format_valid(made)),
        Better.HIGHER,
    ),
    Measure(
        "invalid_turns",
        "Invalid turns",
        "share of turns without a valid action",
        lambda made, asked, rules: search.invalid_turns(made),
        Better.LOWER,
        warn_above=0.25,
        problem="of the turns hold no valid action: see the reasons, environment.parser and max_turn_tokens",
    ),
    Measure(
        "hidden_passages",
        "Hidden passages",
        "share of the passages found that were not shown",
        lambda made, asked, rules: search.hidden_passages(made),
        Better.LOWER,
        warn_above=0.05,
        problem="of the passages found are not shown: raise environment.max_observation_tokens or"
        " max_trajectory_tokens, or lower passages_per_search",
    ),
    Measure(
        "cut_passages",
        "Cut passages",
        "share of the passages found that were shown cut",
        lambda made, asked, rules: search.cut_passages(made),
        Better.LOWER,
        warn_above=0.05,
        problem="of the passages found are shown cut: raise environment.max_observation_tokens or"
        " max_trajectory_tokens",
    ),
    Measure(
        "prompt_too_long",
        "Never asked",
        "share of questions whose prompt leaves no room for a turn",
        lambda made, asked, rules: float(search.prompt_too_long(made)),
        Better.LOWER,
        warn_above=0.0,
        problem="of the questions were never asked, and count as wrong: their prompts leave no room for a"
        " turn; raise environment.max_trajectory_tokens",
    ),
    Measure(
        "response_length",
        "Response length",
        "tokens after the prompt, passages included",
        lambda made, asked, rules: made.response_length,
        digits=1,
        evaluated=False,
    ),
    Measure(
        "written_tokens",
        "Tokens",
        "tokens per question that the policy wrote",
        lambda made, asked, rules: sum(made.policy_mask) + made.aside_tokens,
        Better.LOWER,
        digits=1,
    ),
    Measure(
        "query_words",
        "Query length",
        "words per query",
        lambda made, asked, rules: search.query_words(made, rules.segment),
        digits=2,
        evaluated=False,
    ),
    Measure(
        "answered",
        "Answered",
        "share of trajectories that end with an answer",
        lambda made, asked, rules: float(made.answer is not None),
        Better.HIGHER,
        evaluated=False,
    ),
    *map(_because_of, InvalidReason),
)

BY_KEY = {measure.key: measure for measure in MEASURES}
EVALUATED = tuple(measure.key for measure in MEASURES if measure.evaluated)
"""Keys of what `metrics.json` and the records of answered questions hold."""

COMPARED = ("f1", "em")
"""Keys of those by which every two policies of an evaluation are compared."""
MINUS = " - "
"""Between the names of two policies that are compared, the later one's first."""

BRIEF = ("em", "f1", "searches", "support_recall")
"""Keys of the few that tell how a policy does: training's validation and re-evaluations show these."""


def measure_all(
    trajectory: Trajectory, question: Question, keys: Iterable[str], rules: Rules
) -> dict[str, float | None]:
    """The measures of these keys, by key."""
    return {key: BY_KEY[key].function(trajectory, question, rules) for key in keys}


def warnings(metrics: Mapping[str, Any], policies: Iterable[str], benchmarks: Iterable[str]) -> list[str]:
    """A line for each measure that is beyond its limit somewhere, with the worst place and its questions.

    Args:
        metrics: policy -> benchmark -> measure -> {value, n}, as in `metrics.json`.
        policies: whose results are looked at.
        benchmarks: on which.
    """
    places = [(policy, name, metrics[policy].get(name, {})) for policy in policies for name in benchmarks]
    lines = []
    for measure in MEASURES:
        cells = [(cell[measure.key], policy, name) for policy, name, cell in places if measure.key in cell]
        beyond = [
            (cell["value"], cell["n"], policy, name)
            for cell, policy, name in cells
            if measure.is_beyond(cell["value"])
        ]
        if beyond:
            value, count, policy, name = max(beyond)
            others = f"; so in {len(beyond)} of {len(cells)} results" if len(cells) > 1 else ""
            lines.append(f"{policy} on {name} (n = {count}): {value:.1%} {measure.problem}{others}")
    return lines
