"""The result table for page and terminal, and the one sentence that it comes down to.

The sentence is honest by construction: it speaks of a gain only when the whole interval of the paired
difference lies above zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stepsearch_core.metrics.measures import BY_KEY, Measure
from stepsearch_core.params import CATALOGUE, CEILINGS, GAIN, MEAN, TRAINABLE
from stepsearch_core.report.inputs import BASELINE, TRAINED, Metrics, Provenance, benchmarks_of, policies_of

DASH = "–"

NAMES = {
    **{name: benchmark.title for name, benchmark in CATALOGUE.items()},
    **{f"{name}_train": f"{CATALOGUE[name].title}, training" for name in TRAINABLE},
    MEAN: "Mean",
    BASELINE: "Warm start",
    TRAINED: "Trained",
    "gold_questions": "Gold questions",
    "gold_keys": "Gold keys",
    GAIN: "Gain",
    "bm25": "BM25",
    "dense": "Dense",
    "hybrid": "Hybrid",
    "remote": "Service",
}

F1 = BY_KEY["f1"]
ANSWER_MEASURES = (F1, BY_KEY["em"], BY_KEY["cover_em"])
BEHAVIOUR_MEASURES = tuple(
    BY_KEY[key]
    for key in (
        *("searches", "over_search", "under_search", "redundancy"),
        *("support_recall", "support_precision", "format_valid", "written_tokens"),
        *("invalid_turns", "hidden_passages", "cut_passages"),
    )
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A printed value with its interval and what else it says of itself (each empty where there is none)."""

    value: str
    interval: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One policy's (or the gain's) values of one measure; a cell per benchmark, the mean last."""

    key: str
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """The result in one sentence; `verdict` is gain, loss or none."""

    verdict: str
    sentence: str


def name_of(key: str) -> str:
    """The printed name of a policy, benchmark or retrieval method."""
    return NAMES.get(key, key)


def number(value: float | None, digits: int, signed: bool = False) -> str:
    """A value as text: a dash where there is none, a true minus sign, a plus sign if `signed`."""
    if value is None:
        return DASH
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def interval(cell: dict[str, Any], digits: int, signed: bool = False) -> str:
    """`low to high`, or nothing where either end is missing."""
    if cell["low"] is None or cell["high"] is None:
        return ""
    return f"{number(cell['low'], digits, signed)} to {number(cell['high'], digits, signed)}"


def columns(metrics: Metrics) -> list[str]:
    """The benchmarks and, last, the mean."""
    return [*benchmarks_of(metrics), MEAN]


def rows(metrics: Metrics, measure: Measure) -> list[Row]:
    """A row per policy and one for the gain, if there is one."""
    return [_row(metrics, key, measure) for key in (*policies_of(metrics), GAIN) if key in metrics]


def mean_note(metrics: Metrics, key: str, measure: Measure) -> str:
    """Over how many benchmarks the mean is, where some have nothing to measure (Bamboogle has no supports,
    HotpotQA without decompositions no gold queries): it does not compare with a mean over all. Else empty.
    """
    names = benchmarks_of(metrics)
    cells = [metrics[key].get(name, {}).get(measure.key) for name in names]
    measured = sum(cell is not None and cell["value"] is not None for cell in cells)
    return f"mean over {measured} of {len(names)} benchmarks" if 0 < measured < len(names) else ""


def count(metrics: Metrics, column: str, measure: Measure = F1) -> int:
    """Of how many questions the figures of a column are, as far as the first policy goes."""
    return metrics[policies_of(metrics)[0]].get(column, {}).get(measure.key, {"n": 0})["n"]


def split_of(column: str, provenance: Provenance | None) -> str:
    """The split of a benchmark; empty for the mean, and where it is not known."""
    benchmarks = provenance["benchmarks"] if provenance else {}
    return benchmarks[column]["split"] if column in benchmarks else ""


def asked(metrics: Metrics, column: str, provenance: Provenance | None, measure: Measure = F1) -> str:
    """What a column's head says of its questions: `validation, n = 2417`."""
    return ", ".join(filter(None, (split_of(column, provenance), f"n = {count(metrics, column, measure)}")))


def headline(metrics: Metrics, confidence: float) -> Headline:
    """What training changed in mean F1, with the interval of the paired difference; without training, what
    each policy has.
    """
    if GAIN not in metrics:
        return Headline("none", _standings(metrics, confidence))
    gain = metrics[GAIN][MEAN][F1.key]
    digits = F1.digits
    what = f"mean {F1.label}"
    before, after = (number(metrics[key][MEAN][F1.key]["value"], digits) for key in (BASELINE, TRAINED))
    if gain["value"] is None or gain["low"] is None or gain["high"] is None:
        return Headline("none", f"No gain shown: {what} went from {before} to {after}, without an interval.")
    bounds = interval(gain, digits, True)
    measured = f"{number(gain['value'], digits, True)} ({confidence:.0%} interval {bounds})"
    if gain["low"] > 0:
        return Headline("gain", f"Training raised {what} from {before} to {after}: {measured}.")
    if gain["high"] < 0:
        return Headline("loss", f"Training lowered {what} from {before} to {after}: {measured}.")
    went = f"{what} went from {before} to {after}"
    return Headline("none", f"No gain shown: {went}; the difference, {measured}, may be 0.")


def _standings(metrics: Metrics, confidence: float) -> str:
    """The policies that are no ceilings, by their mean F1, the best first."""
    cells = {name: metrics[name][MEAN][F1.key] for name in policies_of(metrics) if name not in CEILINGS}
    said = [
        f"{name_of(name)} {number(cell['value'], F1.digits)} ({interval(cell, F1.digits)})"
        for name, cell in sorted(cells.items(), key=lambda item: -(item[1]["value"] or 0.0))
    ]
    return f"Mean {F1.label}, with {confidence:.0%} intervals: {'; '.join(said)}."


def results_table(metrics: Metrics, provenance: Provenance | None = None) -> str:
    """The results as aligned plain text, under 80 columns for four benchmarks; intervals are the last row's.
    What was asked comes last.

    F1                  MuSiQue     HotpotQA         Mean
      Warm start          0.310        0.280        0.295
      Trained             0.620        0.600        0.610
      Gain               +0.310       +0.320       +0.315
                   +.27 to +.35 +.28 to +.36 +.29 to +.34
    """
    lines = []
    for measure in (*ANSWER_MEASURES, *BEHAVIOUR_MEASURES):
        printed = rows(metrics, measure)
        lines.append(_aligned(measure.label, map(name_of, columns(metrics))))
        lines += [_aligned(f"  {row.label}", (cell.value for cell in row.cells)) for row in printed]
        if GAIN in metrics:
            gains = [metrics[GAIN].get(column, {}).get(measure.key) for column in columns(metrics)]
            found = (re.sub(r"\b0\.", ".", interval(cell, 2, True)) if cell else "" for cell in gains)
            lines.append(_aligned("", found))
        lines += [f"  {row.label}: {row.cells[-1].note}" for row in printed if row.cells[-1].note]
        lines.append("")
    lines.append(_aligned("Questions", map(name_of, columns(metrics))))
    if provenance:
        lines.append(_aligned("  split", (split_of(column, provenance) for column in columns(metrics))))
    lines.append(_aligned("  n", (str(count(metrics, column)) for column in columns(metrics))))
    return "\n".join([*lines, ""])


def _aligned(label: str, cells: Iterable[str]) -> str:
    return f"{label:<16}{' '.join(f'{cell:>12}' for cell in cells)}".rstrip()


def _row(metrics: Metrics, key: str, measure: Measure) -> Row:
    signed = key == GAIN
    found = [metrics[key].get(column, {}).get(measure.key) for column in columns(metrics)]
    notes = (*("" for _ in benchmarks_of(metrics)), mean_note(metrics, key, measure))
    cells = tuple(
        Cell(number(cell["value"], measure.digits, signed), interval(cell, measure.digits, signed), note)
        if cell
        else Cell(DASH, "")
        for cell, note in zip(found, notes, strict=True)
    )
    label = "Change" if signed and measure in BEHAVIOUR_MEASURES else name_of(key)
    return Row(key, label, cells)
