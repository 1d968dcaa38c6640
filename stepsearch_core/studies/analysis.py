"""The analysis of a study: scores, paired differences, curves, sample efficiency and cost of its variants.

Everything is None where it is not defined and an object is left out where nothing was run: a study that is
half done is analysed as far as it is. What each number is, from which source and with which limits, stands
where it is computed: `two_levels` and `replicates` for the statistics, `estimates`, `curves` and
`efficiency` for what they are of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stepsearch_core.base.means import mean
from stepsearch_core.params import MEAN
from stepsearch_core.report.curves import points_of
from stepsearch_core.studies.curves import area_differences, areas, curves
from stepsearch_core.studies.efficiency import TOKENS, efficiency, policy_tokens, trajectories
from stepsearch_core.studies.estimates import Runs, differences, scores, start
from stepsearch_core.studies.outcomes import Outcome
from stepsearch_core.studies.replicates import t_interval
from stepsearch_core.studies.study import Setting, Study, Variant


def analyse(study: Study, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Everything that the page of a study shows of its runs, as JSON has it.

    Returns:
        `scores`, `start`, `differences`, `curves`, `efficiency` and `cost`, each by setting; and what the
        study is. Variants that were not run in a setting are left out of it, `differences` also the
        baseline and whatever has no replicate in common with it.

    Raises:
        DataError: two runs of a replicate were asked different questions.
    """
    made = list(outcomes)
    benchmarks = list(dict.fromkeys(name for outcome in made for name in outcome.records))
    settings = {name: _runs(study, name, made) for name in study.settings}
    return {
        "study": study.name,
        "title": study.title,
        "profile": study.profile,
        "baseline": study.baseline,
        "confidence": study.confidence,
        "settings": [_described(name, setting) for name, setting in study.settings.items()],
        "variants": [
            {
                **_described(name, variant),
                "published": variant.published,
                "replicates": _replicates(settings, name),
            }
            for name, variant in study.variants.items()
        ],
        "columns": [*benchmarks, MEAN],
        **_by_setting({name: _setting(study, runs, benchmarks) for name, runs in settings.items()}),
    }


def _setting(study: Study, runs: Runs, benchmarks: Sequence[str]) -> dict[str, Any]:
    samples, level = study.bootstrap_samples, study.confidence
    before = start(runs, study.baseline)
    outcomes = {name: list(of_variant.values()) for name, of_variant in runs.items()}
    return {
        "scores": {
            name: scores([outcome.records for outcome in made], benchmarks, samples, level)
            for name, made in outcomes.items()
        },
        "start": scores(before, benchmarks, samples, level) if before else {},
        "differences": differences(runs, study.baseline, benchmarks, samples, level),
        "curves": {name: curves(made, level) for name, made in outcomes.items()},
        "efficiency": _efficiency(study, runs),
        "cost": {name: _cost(made) for name, made in outcomes.items()},
    }


def _efficiency(study: Study, runs: Runs) -> dict[str, Any]:
    baselines = runs.get(study.baseline, {})
    area = {name: t_interval([*areas(made).values()], study.confidence) for name, made in runs.items()}
    difference = area_differences(runs, study.baseline, study.confidence)
    return {
        name: {
            "area": area[name],
            **({"area_difference": difference[name]} if name in difference else {}),
            **efficiency(made, baselines, study.bootstrap_samples, study.confidence),
        }
        for name, made in runs.items()
    }


def _cost(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Means over the runs; of tokens over those that logged some."""
    ends = [outcome.log[-1]["step"] if outcome.log else 0 for outcome in outcomes]
    return {
        "trajectories": mean(map(trajectories, outcomes, ends)),
        "policy_tokens": mean(
            policy_tokens(outcome, end) if points_of(outcome.log, TOKENS) else None
            for outcome, end in zip(outcomes, ends, strict=True)
        ),
        "seconds": mean(outcome.seconds for outcome in outcomes),
    }


def _runs(study: Study, setting: str, outcomes: Sequence[Outcome]) -> Runs:
    """The outcomes of a setting, variants in the study's order and replicates in theirs."""
    found = {
        name: {
            outcome.replicate: outcome
            for outcome in sorted(outcomes, key=lambda outcome: outcome.replicate)
            if (outcome.setting, outcome.variant) == (setting, name)
        }
        for name in study.variants
    }
    return {name: made for name, made in found.items() if made}


def _replicates(settings: Mapping[str, Runs], variant: str) -> int:
    """How many there are of a variant in a setting, in the one that has most."""
    return max((len(runs.get(variant, {})) for runs in settings.values()), default=0)


def _described(name: str, one: Setting | Variant) -> dict[str, Any]:
    return {"name": name, "label": one.label, "changes": list(one.changes)}


def _by_setting(made: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Setting -> part -> what it is of, turned round."""
    parts = dict.fromkeys(part for of_setting in made.values() for part in of_setting)
    return {part: {name: of_setting[part] for name, of_setting in made.items()} for part in parts}
