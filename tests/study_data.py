"""Runs of a small study: what the analysis reads of one, as it would be left by the real thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stepsearch_core.studies.outcomes import Outcome
from stepsearch_core.studies.study import Setting, Study, Variant
from tests.report_data import record_of


def small_study(
    variants: Mapping[str, Variant], settings: Mapping[str, Setting] | None = None, **changed: Any
) -> Study:
    """A study whose baseline is the variant `plain`."""
    return replace(
        Study(
            name="small",
            title="A small study",
            baseline="plain",
            variants=dict(variants),
            settings=dict(settings or {"": Setting()}),
            bootstrap_samples=500,
        ),
        **changed,
    )


def training_log(
    validation: Mapping[int, float], tokens: Mapping[int, float] | None = None
) -> list[dict[str, Any]]:
    """A row for each step up to the last one that has anything."""
    columns = {"validation/f1": validation, "written_tokens": tokens or {}}
    last = max(step for values in columns.values() for step in (0, *values))
    log: list[dict[str, Any]] = [{"step": step} for step in range(last + 1)]
    for key, values in columns.items():
        for step, value in values.items():
            log[step][key] = value
    return log


def outcome(
    variant: str,
    replicate: int,
    *,
    f1: Mapping[str, Sequence[float]] | None = None,
    before: Mapping[str, Sequence[float]] | None = None,
    log: Sequence[dict[str, Any]] = (),
    setting: str = "",
    trajectories_per_step: int = 10,
) -> Outcome:
    """A run by the F1 of its answers to a benchmark's questions (EM is 1 where F1 is)."""

    def records(scores: Mapping[str, Sequence[float]]) -> dict[str, Any]:
        made = {
            name: [record_of(n, name, f1=value, em=float(value == 1)) for n, value in enumerate(values)]
            for name, values in scores.items()
        }
        return {name: {record.id: record for record in of_name} for name, of_name in made.items()}

    return Outcome(
        setting=setting,
        variant=variant,
        replicate=replicate,
        label=f"seed {replicate}",
        log=list(log),
        records=records(f1 or {}),
        before=records(before or {}),
        trajectories_per_step=trajectories_per_step,
        seconds=60.0 + replicate,
    )
