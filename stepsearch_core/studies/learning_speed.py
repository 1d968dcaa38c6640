"""How fast each variant learns, and what its runs took: trajectories, policy tokens, seconds.

How it is measured stands in `studies.efficiency`. A run that never comes to the goal is counted as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stepsearch_core.report.results import DASH, F1, Cell, Row, number
from stepsearch_core.report.tables import cell_text
from stepsearch_core.studies.results import difference_cell
from stepsearch_core.studies.tables import (
    EVERYWHERE,
    NEVER,
    Analysis,
    Found,
    Grid,
    Topic,
    against,
    cell,
    labels,
    rows_of,
)

RATIO_DIGITS = 2
COSTS = {
    "trajectories": ("Trajectories", ""),
    "policy_tokens": ("Policy tokens", ""),
    "seconds": ("Seconds", "of training"),
}


def efficiency_table(analysis: Analysis) -> Grid:
    """How fast each variant learns, a block a setting."""
    baseline = against(analysis)
    heads = (
        ("Area", f"mean validation {F1.label}"),
        ("Difference", f"to {baseline}"),
        ("Trajectories", "to the goal"),
        ("Ratio", f"to {baseline}'s"),
        ("Share", f"of {baseline}'s budget"),
        ("Token ratio", "in policy tokens"),
        ("Token share", f"of {baseline}'s budget"),
    )
    return Grid("Sample efficiency", heads, tuple(_efficiency_blocks(analysis, baseline)))


def _efficiency_blocks(analysis: Analysis, baseline: str) -> Iterator[tuple[Topic, tuple[Row, ...]]]:
    for setting, label in labels(analysis["settings"]).items():
        found = analysis["efficiency"].get(setting, {})
        goals = [entry["reached"].get("goal") for entry in found.values() if entry.get("reached")]
        goal = number(next(iter(goals), None), F1.digits)
        topic = Topic(label or EVERYWHERE, f"goal: validation {F1.label} {goal}, where {baseline} ends")
        yield topic, rows_of(analysis, {name: _efficiency(entry) for name, entry in found.items()})


def _efficiency(entry: Mapping[str, Any]) -> list[Cell]:
    tokens = entry.get("tokens") or {}
    return [
        cell(entry.get("area"), F1.digits),
        difference_cell(entry.get("area_difference"), F1.digits),
        _needed(entry.get("reached"), _count),
        *(ratio_cell(entry.get(key)) for key in ("ratio", "share")),
        *(ratio_cell(tokens.get(key)) for key in ("ratio", "share")),
    ]


def ratio_cell(found: Found) -> Cell:
    """What it takes to come to the goal, over what something else takes."""
    return _needed(found, _ratio)


def _needed(found: Found, text: Callable[[float | None], str]) -> Cell:
    """What it takes to come to the goal. Where some runs never come there, the mean is not known, and its
    interval has no upper end.
    """
    if found is None:
        return Cell(DASH, "")
    never = f"{NEVER} in {found[NEVER]} of {found['n']}" if found.get(NEVER) else ""
    value = NEVER if never and found[NEVER] == found["n"] else text(found["value"])
    low, high = found["low"], found["high"]
    if low is None or value == NEVER:
        return Cell(value, "", never)
    return Cell(value, f"{text(low)} or more" if high is None else f"{text(low)} to {text(high)}", never)


def cost_table(analysis: Analysis) -> Grid:
    """What a run of each variant took, a block a setting."""
    blocks = []
    for setting, label in labels(analysis["settings"]).items():
        spent = {
            name: [Cell(_count(found.get(key)), "") for key in COSTS]
            for name, found in analysis["cost"].get(setting, {}).items()
        }
        blocks.append((Topic(label or EVERYWHERE, "means over a variant's runs"), rows_of(analysis, spent)))
    return Grid("Cost of a run", tuple(COSTS.values()), tuple(blocks))


def _count(value: float | None) -> str:
    return cell_text(None if value is None else round(value))


def _ratio(value: float | None) -> str:
    return number(value, RATIO_DIGITS)
