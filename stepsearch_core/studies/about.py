"""What a study is of: its variants and settings, how they were tuned, which runs are missing, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepsearch_core.report.results import F1, Cell, Row, number
from stepsearch_core.report.tables import Table, report_tables
from stepsearch_core.studies.tables import Analysis, Grid, Topic, labels


def study_tables(analysis: Analysis) -> list[Table]:
    """The variants and the settings with what each changes."""
    variants = tuple(
        (label, ", ".join(entry["changes"]) or "nothing", f"{entry['replicates']}")
        for label, entry in zip(labels(analysis["variants"]).values(), analysis["variants"], strict=True)
    )
    settings = tuple(
        (label, ", ".join(entry["changes"]) or "nothing")
        for label, entry in zip(labels(analysis["settings"]).values(), analysis["settings"], strict=True)
        if label
    )
    made = [Table("Variants", ("Variant", "Changes", "Replicates"), variants)]
    return [*made, Table("Settings", ("Setting", "Changes"), settings)] if settings else made


def tuning_table(analysis: Analysis) -> Grid | None:
    """The whole grid of every variant that was tuned, its chosen point marked; None without tuning."""
    called, tuned = labels(analysis["variants"]), analysis.get("tuning") or {}
    most = max((len(row["scores"]) for found in tuned.values() for row in found["grid"]), default=0)
    replicates = ((f"Replicate {number + 1}", "") for number in range(most))
    blocks = tuple(
        (Topic(called.get(name, name), _chosen(found["chosen"])), _grid_rows(found, most))
        for name, found in tuned.items()
    )
    return Grid("Tuning", ((f"Validation {F1.label}", "mean"), *replicates), blocks) if blocks else None


def _grid_rows(found: Mapping[str, Any], most: int) -> tuple[Row, ...]:
    return tuple(
        Row(
            "chosen" if chosen else "point",
            _point(row["point"]),
            (
                Cell(number(row["score"], F1.digits), "", "chosen" if chosen else ""),
                *(Cell(number(score, F1.digits), "") for score in _filled(row["scores"], most)),
            ),
        )
        for row in found["grid"]
        for chosen in [row["point"] == found["chosen"]]
    )


def _filled(scores: list[float | None], most: int) -> list[float | None]:
    return [*scores, *[None] * (most - len(scores))]


def _chosen(point: Mapping[str, Any] | None) -> str:
    return "none chosen: some points have no score" if point is None else f"chosen: {_point(point)}"


def _point(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in point.items()) or "as it is"


def missing_table(analysis: Analysis) -> Table | None:
    """The runs that there should have been, and why there are not."""
    called, settings = labels(analysis["variants"]), labels(analysis["settings"])
    rows = tuple(
        (
            called.get(run["variant"], run["variant"]),
            settings.get(run["setting"], run["setting"]),
            f"{run['replicate'] + 1}",
            run["reason"],
        )
        for run in analysis.get("missing") or ()
    )
    return Table("Missing runs", ("Variant", "Setting", "Replicate", "Reason"), rows) if rows else None


def provenance_tables(analysis: Analysis) -> list[Table]:
    """What the figures are of: data, index, code, parameters, by their hashes."""
    return report_tables(dict(analysis.get("provenance") or {}))
