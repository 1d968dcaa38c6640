"""Scores of a study's variants and their differences to its baseline, on each benchmark and on the mean.

Scores are over all replicates of a variant; differences over those that the baseline has as well, paired by
replicate and question. Their intervals are the two-level bootstrap's (`two_levels`), their tests those over
replicates (`replicates`), so that the two may disagree: with few replicates an interval may lie beside 0
where the test finds nothing. The test decides. Holm's correction is over the variants that are compared with
the baseline in one setting and column by one measure, as it is over pairs of policies in `evaluation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stepsearch_core.base.errors import DataError
from stepsearch_core.evaluation.comparison import Records
from stepsearch_core.metrics.measures import COMPARED, EVALUATED
from stepsearch_core.params import MEAN
from stepsearch_core.studies.outcomes import Outcome
from stepsearch_core.studies.replicates import correct, t_test
from stepsearch_core.studies.two_levels import Estimates, Table, estimate

SEARCHING = (
    *("searches", "support_recall", "redundancy", "over_search"),
    *("under_search", "format_valid", "written_tokens"),
)
"""Measures of how a policy searches whose differences are taken, too."""
PAIRED = (*COMPARED, *SEARCHING)
SEED = 0
"""Of the resampling: an analysis that is made again is the same."""

Runs = Mapping[str, Mapping[int, Outcome]]
"""Variant -> replicate -> what it came to, of one setting."""


def scores(
    records: Sequence[Records], benchmarks: Sequence[str], samples: int, confidence: float
) -> dict[str, Any]:
    """Column -> measure -> {value, low, high, n}: of the answers of some replicates, all of `EVALUATED`."""
    tables = [[_table(answers.get(name, {}), EVALUATED) for name in benchmarks] for answers in records]
    estimates = estimate(tables, samples, confidence, SEED)
    return {
        column: {key: _cell(estimates, place, number) for number, key in enumerate(EVALUATED)}
        for place, column in enumerate((*benchmarks, MEAN))
    }


def start(runs: Runs, baseline: str) -> list[Records]:
    """The warm start's answers, of each replicate: those that the baseline began with, if it has some."""
    first: dict[int, Records] = {}
    for variant in sorted(runs, key=lambda name: name != baseline):
        for replicate, outcome in runs[variant].items():
            if outcome.before:
                first.setdefault(replicate, outcome.before)
    return [first[replicate] for replicate in sorted(first)]


def differences(
    runs: Runs, baseline: str, benchmarks: Sequence[str], samples: int, confidence: float
) -> dict[str, Any]:
    """Variant -> column -> measure of `PAIRED` -> {value, low, high, n, p, p_holm, detectable}.

    Returns:
        every variant minus the baseline; variants without a replicate in common with it are left out, and
        all of them if it has not been run.

    Raises:
        DataError: two runs of a replicate were asked different questions.
    """
    compared = {name: _pairs(runs[name], runs.get(baseline, {})) for name in runs if name != baseline}
    made = {
        name: _difference(pairs, benchmarks, samples, confidence)
        for name, pairs in compared.items()
        if pairs
    }
    for column in (*benchmarks, MEAN):
        for key in PAIRED:
            correct([columns[column][key] for columns in made.values()])
    return made


def _difference(
    pairs: Sequence[tuple[Outcome, Outcome]], benchmarks: Sequence[str], samples: int, confidence: float
) -> dict[str, Any]:
    tables = [[_paired(name, *pair) for name in benchmarks] for pair in pairs]
    estimates = estimate(tables, samples, confidence, SEED)
    cells: dict[str, Any] = {}
    for place, column in enumerate((*benchmarks, MEAN)):
        cells[column] = {}
        for number, key in enumerate(PAIRED):
            means = estimates.means[:, place, number]
            test = t_test(means[np.isfinite(means)].tolist(), confidence)
            cells[column][key] = {**_cell(estimates, place, number), **test}
    return cells


def _pairs(runs: Mapping[int, Outcome], baselines: Mapping[int, Outcome]) -> list[tuple[Outcome, Outcome]]:
    return [(runs[replicate], baselines[replicate]) for replicate in sorted(runs.keys() & baselines.keys())]


def _paired(benchmark: str, outcome: Outcome, baseline: Outcome) -> Table:
    """Differences of the measures `PAIRED` on a benchmark, a row a question; none if one lacks it."""
    after, before = outcome.records.get(benchmark, {}), baseline.records.get(benchmark, {})
    if not after or not before:
        return _table({}, PAIRED)
    if after.keys() != before.keys() or any(
        (record.question, record.answers) != (before[key].question, before[key].answers)
        for key, record in after.items()
    ):
        raise DataError(
            f"{outcome.variant} and {baseline.variant} were asked different questions:"
            " the two are not of one replicate",
            f"{benchmark} of {outcome.setting or 'the study'}, {outcome.label}",
        )
    return _table(after, PAIRED) - _table({key: before[key] for key in after}, PAIRED)


def _table(records: Mapping[str, Any], keys: Sequence[str]) -> Table:
    """Measures of questions in their order; None becomes NaN."""
    rows = [[record.measures[key] for key in keys] for record in records.values()]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(keys))


def _cell(estimates: Estimates, place: int, measure: int) -> dict[str, Any]:
    bounds = {name: getattr(estimates, name)[place, measure] for name in ("value", "low", "high")}
    return {
        **{name: float(bound) if np.isfinite(bound) else None for name, bound in bounds.items()},
        "n": int(np.isfinite(estimates.means[:, place, measure]).sum()),
    }
