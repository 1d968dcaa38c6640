"""The result table in three forms (page, Markdown, terminal) and the one sentence that it comes down to.

The sentence is honest by construction: it speaks of a gain only when the whole interval of the paired
difference lies above zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stepsearch_core.report.inputs import BASELINE, GAIN, MEAN, TRAINED, Metrics, benchmarks_of, policies_of

DASH = "–"

NAMES = {
    "musique": "MuSiQue",
    "musique_train": "MuSiQue, training",
    "hotpotqa": "HotpotQA",
    "2wikimultihopqa": "2Wiki",
    "bamboogle": "Bamboogle",
    MEAN: "Mean",
    BASELINE: "Warm start",
    TRAINED: "Trained",
    "oracle": "Oracle",
    GAIN: "Gain",
    "bm25": "BM25",
    "dense": "Dense",
    "hybrid": "Hybrid",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric is called and printed."""

    key: str
    label: str
    digits: int
    note: str


MAIN_METRICS = (
    Metric("f1", "F1", 3, "word overlap of answer and gold answer, the best over all accepted answers"),
    Metric("em", "EM", 3, "share of answers that equal an accepted answer after normalisation"),
)
BEHAVIOUR_METRICS = (
    Metric("searches", "Searches", 2, "searches per question"),
    Metric(
        "redundancy",
        "Redundancy",
        3,
        "share of returned passages that an earlier search had returned already",
    ),
    Metric("support_recall", "Support recall", 3, "share of the gold passages that the searches showed"),
    Metric("format_valid", "Format valid", 3, "share of trajectories in the required format"),
    Metric("invalid_turns", "Invalid turns", 3, "share of turns without a valid action"),
    Metric("hidden_passages", "Hidden", 3, "share of the passages found that were not shown"),
    Metric("cut_passages", "Cut", 3, "share of the passages found that were shown cut"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A printed value with its interval (empty where there is none)."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class Row:
    """One policy's (or the gain's) values of one metric; a cell per benchmark, the mean last."""

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


def rows(metrics: Metrics, metric: Metric) -> list[Row]:
    """A row per policy and one for the gain."""
    return [_row(metrics, key, metric) for key in (*policies_of(metrics), GAIN)]


def headline(metrics: Metrics, confidence: float) -> Headline:
    """What training changed in mean F1, with the interval of the paired difference."""
    gain = metrics[GAIN][MEAN]["f1"]
    before, after = (number(metrics[key][MEAN]["f1"]["value"], 3) for key in (BASELINE, TRAINED))
    if gain["value"] is None or gain["low"] is None or gain["high"] is None:
        return Headline(
            "none", f"No gain shown: mean F1 went from {before} to {after}, without an interval."
        )
    measured = f"{number(gain['value'], 3, True)} ({confidence:.0%} interval {interval(gain, 3, True)})"
    if gain["low"] > 0:
        return Headline("gain", f"Training raised mean F1 from {before} to {after}: {measured}.")
    if gain["high"] < 0:
        return Headline("loss", f"Training lowered mean F1 from {before} to {after}: {measured}.")
    went = f"mean F1 went from {before} to {after}"
    return Headline("none", f"No gain shown: {went}; the difference, {measured}, may be 0.")


def results_table(metrics: Metrics) -> str:
    """The results as aligned plain text, under 80 columns for four benchmarks; the interval is that of the
    last row.

    F1                  MuSiQue     HotpotQA         Mean
      Warm start          0.310        0.280        0.295
      Trained             0.620        0.600        0.610
      Gain               +0.310       +0.320       +0.315
                   +.27 to +.35 +.28 to +.36 +.29 to +.34
    """
    lines = []
    for metric in (*MAIN_METRICS, *BEHAVIOUR_METRICS):
        printed = rows(metrics, metric)
        lines.append(_aligned(metric.label, map(name_of, columns(metrics))))
        lines += [_aligned(f"  {row.label}", (cell.value for cell in row.cells)) for row in printed]
        gains = [metrics[GAIN].get(column, {}).get(metric.key) for column in columns(metrics)]
        lines += [
            _aligned("", (re.sub(r"\b0\.", ".", interval(cell, 2, True)) if cell else "" for cell in gains)),
            "",
        ]
    return "\n".join(lines)


def results_markdown(metrics: Metrics, confidence: float) -> str:
    """The headline and a Markdown table per metric, every value with its interval in brackets."""
    lines = ["# Results", "", headline(metrics, confidence).sentence, ""]
    lines += [f"Intervals: {confidence:.0%}, bootstrap over questions.", ""]
    lines += ["Gain and change: trained minus warm start, paired by question.", ""]
    for metric in (*MAIN_METRICS, *BEHAVIOUR_METRICS):
        names = [f"{name_of(key)} (n = {_count(metrics, key, metric)})" for key in columns(metrics)]
        lines += [f"## {metric.label}", "", f"{metric.note[0].upper()}{metric.note[1:]}.", ""]
        lines += [f"| | {' | '.join(names)} |", "| --- |" + " ---: |" * len(names)]
        for row in rows(metrics, metric):
            cells = [
                f"{cell.value} ({cell.interval})" if cell.interval else cell.value for cell in row.cells
            ]
            lines.append(f"| {row.label} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _aligned(label: str, cells: Iterable[str]) -> str:
    return f"{label:<16}{' '.join(f'{cell:>12}' for cell in cells)}".rstrip()


def _row(metrics: Metrics, key: str, metric: Metric) -> Row:
    signed = key == GAIN
    found = [metrics[key].get(column, {}).get(metric.key) for column in columns(metrics)]
    cells = tuple(
        Cell(number(cell["value"], metric.digits, signed), interval(cell, metric.digits, signed))
        if cell
        else Cell(DASH, "")
        for cell in found
    )
    label = "Change" if signed and metric in BEHAVIOUR_METRICS else name_of(key)
    return Row(key, label, cells)


def _count(metrics: Metrics, benchmark: str, metric: Metric) -> int:
    return metrics[TRAINED][benchmark].get(metric.key, {"n": 0})["n"]
