"""What is measured of a trajectory: one table, under which names, and which shares are worth a warning.

Evaluation's records and `metrics.json` have every measure by its name, training logs it under `logged`. Some
say how well a policy does; others what it was really shown and could really write. Where one of these is
beyond its limit, the log of the stage and the report say so: the scores then speak of the limits as much as
of the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stepsearch_core.base.types import Question, Trajectory
from stepsearch_core.metrics.answers import exact_match, word_f1
from stepsearch_core.metrics.search import (
    cut_passages,
    format_valid,
    hidden_passages,
    invalid_turns,
    prompt_too_long,
    redundancy,
    search_count,
    support_recall,
)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number for each trajectory, None where it is not defined; a share that has `problem` is to stay
    below a limit.

    `problem` says, behind the share, what is wrong and what helps.
    """

    name: str
    logged: str
    of: Callable[[Trajectory, Question], float | None]
    warn_above: float | None = None
    problem: str = ""

    def is_beyond(self, value: float | None) -> bool:
        """Whether a mean is worth a warning."""
        return self.warn_above is not None and value is not None and value > self.warn_above


MEASURES = (
    Measure("em", "em", lambda made, asked: exact_match(made.answer, asked.answers)),
    Measure("f1", "f1", lambda made, asked: word_f1(made.answer, asked.answers)),
    Measure("searches", "search/count", lambda made, asked: search_count(made)),
    Measure("redundancy", "search/redundancy", lambda made, asked: redundancy(made)),
    Measure("support_recall", "search/support_recall", support_recall),
    Measure("format_valid", "format_valid", lambda made, asked: float(format_valid(made))),
    Measure(
        "invalid_turns",
        "invalid_turns",
        lambda made, asked: invalid_turns(made),
        0.25,
        "of the turns hold no valid action: see the reasons, environment.parser and max_turn_tokens",
    ),
    Measure(
        "hidden_passages",
        "search/hidden_passages",
        lambda made, asked: hidden_passages(made),
        0.05,
        "of the passages found are not shown: raise environment.max_observation_tokens or"
        " max_trajectory_tokens, or lower passages_per_search",
    ),
    Measure(
        "cut_passages",
        "search/cut_passages",
        lambda made, asked: cut_passages(made),
        0.05,
        "of the passages found are shown cut: raise environment.max_observation_tokens or"
        " max_trajectory_tokens",
    ),
    Measure(
        "prompt_too_long",
        "prompt_too_long",
        lambda made, asked: float(prompt_too_long(made)),
        0.0,
        "of the questions were never asked, and count as wrong: their prompts leave no room for a turn;"
        " raise environment.max_trajectory_tokens",
    ),
)


def warnings(metrics: Mapping[str, Any], policies: Iterable[str], benchmarks: Iterable[str]) -> list[str]:
    """A line for each measure that is beyond its limit somewhere, with the worst place and the number of
    questions.

    Args:
        metrics: policy -> benchmark -> measure -> {value, n}, as in `metrics.json`.
        policies: whose results are looked at.
        benchmarks: on which.
    """
    places = [(policy, name, metrics[policy].get(name, {})) for policy in policies for name in benchmarks]
    lines = []
    for measure in MEASURES:
        cells = [(cell[measure.name], policy, name) for policy, name, cell in places if measure.name in cell]
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
