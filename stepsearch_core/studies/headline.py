"""What a study comes to, in one sentence a setting; honest by construction.

It speaks of a gain only where the whole interval of the paired difference lies above zero and the p-value,
corrected for all variants, does not say otherwise; of a saving only where the whole interval of the ratio of
trajectories lies below one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsearch_core.params import MEAN
from stepsearch_core.report.results import DASH, F1, number
from stepsearch_core.studies.learning_speed import RATIO_DIGITS
from stepsearch_core.studies.tables import NEVER, Analysis, Found, bounds, compared, labels, subject


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in a setting: `verdict` is gain, loss or none."""

    setting: str
    verdict: str
    sentence: str


def findings(analysis: Analysis) -> list[Finding]:
    """One a setting: the variant that the study is about against the baseline, or all others against it."""
    name = subject(analysis)
    if compared(analysis) is None:
        return []
    return [
        _survey(analysis, setting, label) if name is None else _finding(analysis, setting, label, name)
        for setting, label in labels(analysis["settings"]).items()
    ]


def describe(analysis: Analysis) -> str:
    """What the study is: its size, and what each run was given."""
    variants, settings = analysis["variants"], labels(analysis["settings"])
    most = max((entry["replicates"] for entry in variants), default=0)
    parts = [
        f"Profile {analysis['profile']}" if analysis.get("profile") else "",
        _many(len(variants), "variant"),
        _many(len(settings), "setting") if len(settings) > 1 else "",
        f"up to {_many(most, 'replicate')} of each",
        _budget(analysis),
    ]
    return f"{', '.join(filter(None, parts))}."


def _survey(analysis: Analysis, setting: str, label: str) -> Finding:
    """Which variants end above and below the baseline."""
    called = labels(analysis["variants"])
    found = {
        called[name]: columns[MEAN][F1.key]
        for name, columns in analysis["differences"].get(setting, {}).items()
        if _measured(columns.get(MEAN, {}).get(F1.key))
    }
    judged = {name: _judged(cell, 1 - analysis["confidence"]) for name, cell in found.items()}
    told = []
    for where, verdict in (("above it ends", "gain"), ("below it", "loss")):
        names = [name for name, said in judged.items() if said == verdict]
        values = (f"{name} ({number(found[name]['value'], F1.digits, True)})" for name in names)
        told += [f"{where} {', '.join(values)}"] if names else []
    rest = sum(said == "none" for said in judged.values())
    told += [f"no difference shown for {rest} of {len(judged)}"] if rest else []
    baseline = called[analysis["baseline"]]
    return Finding(label, "none", f"Mean {F1.label} against that of {baseline}: {'; '.join(told)}.")


def _finding(analysis: Analysis, setting: str, label: str, name: str) -> Finding:
    called = labels(analysis["variants"])
    names = called[name], called[analysis["baseline"]]
    found = analysis["differences"].get(setting, {}).get(name, {}).get(MEAN, {}).get(F1.key)
    if not _measured(found):
        return Finding(label, "none", f"{names[0]} against {names[1]}: no difference could be measured.")
    judged = _judged(found, 1 - analysis["confidence"])
    ends = _final(analysis, setting, name), _final(analysis, setting, analysis["baseline"])
    measured = f"{number(found['value'], F1.digits, True)} ({_interval(analysis, found, F1.digits, True)})"
    shown = {
        "gain": f"{names[0]} ends above {names[1]}",
        "loss": f"{names[0]} ends below {names[1]}",
        "none": f"No difference shown between {names[0]} and {names[1]} at the end",
    }[judged]
    sentence = f"{shown}: mean {F1.label} {ends[0]} against {ends[1]}, {measured}{_besides(found, judged)}."
    return Finding(label, judged, f"{sentence} {_speed(analysis, setting, name, names)}".strip())


def _measured(found: Found) -> bool:
    """Whether there is a difference with an interval."""
    return found is not None and None not in (found["value"], found["low"], found["high"])


def _judged(found: Mapping[str, Any], error: float) -> str:
    """Interval and corrected test must agree; one replicate, which cannot be tested, shows nothing."""
    corrected = found.get("p_holm")
    if corrected is None or corrected > error or found["low"] <= 0 <= found["high"]:
        return "none"
    return "gain" if found["low"] > 0 else "loss"


def _besides(found: Mapping[str, Any], judged: str) -> str:
    """Where nothing is shown: the test, if the interval leaves out 0, and what could have been found."""
    if judged != "none":
        return ""
    apart = found["low"] > 0 or found["high"] < 0
    p, seen = found.get("p_holm"), found.get("detectable")
    tested = f"p = {number(p, 2)}" if p is not None else f"but no test over {_many(found['n'], 'replicate')}"
    said = f", {tested}" if apart else ""
    return said + (
        f"; a difference of {number(seen, F1.digits)} could have been found" if seen is not None else ""
    )


def _speed(analysis: Analysis, setting: str, name: str, names: tuple[str, str]) -> str:
    """How many trajectories it needs to come where the baseline ends, as a share of the baseline's."""
    ratio = analysis["efficiency"].get(setting, {}).get(name, {}).get("ratio")
    if not ratio or not ratio["n"]:
        return ""
    goal = f"the validation {F1.label} where {names[1]} ends"
    if ratio.get(NEVER):
        low = ratio["low"]
        least = f": {number(low, RATIO_DIGITS)} times the trajectories or more" if low is not None else ""
        return (
            f"No saving shown: in {ratio[NEVER]} of {ratio['n']} replicates it never comes to {goal}{least}."
        )
    spread = bounds(ratio, RATIO_DIGITS)
    measured = f"{number(ratio['value'], RATIO_DIGITS)} times the trajectories"
    measured += f" ({spread})" if spread else ""
    if not spread or ratio["low"] <= 1 <= ratio["high"]:
        return f"No saving shown: it comes to {goal} with {measured}."
    fewer = "fewer" if ratio["high"] < 1 else "more"
    return f"It comes to {goal} with {fewer} trajectories: {measured}."


def _final(analysis: Analysis, setting: str, name: str) -> str:
    found = analysis["scores"].get(setting, {}).get(name, {}).get(MEAN, {}).get(F1.key)
    return number(found["value"], F1.digits) if found else DASH


def _interval(analysis: Analysis, found: Mapping[str, Any], digits: int, signed: bool) -> str:
    return f"{analysis['confidence']:.0%} interval {bounds(found, digits, signed)}"


def _budget(analysis: Analysis) -> str:
    """What a run was given, if it is much the same for all."""
    spent = [found for of in analysis["cost"].values() for found in of.values() if found.get("trajectories")]
    if not spent:
        return ""
    counts = sorted({round(found["trajectories"]) for found in spent})
    ends = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return f"{ends} trajectories a run"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"
