"""The results as rows for leaderboards: one a policy, data set and measure, each complete in itself.

A row says what was measured (task, data set, split, measure), what came out (value, interval, questions),
and of which data, corpus, index, code and model, so that rows of several runs can lie in one table.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import atomic_write, read_object, write_json
from stepsearch_core.metrics.measures import BY_KEY, EVALUATED
from stepsearch_core.params import MEAN
from stepsearch_core.report.inputs import Metrics, policies_of, read_provenance
from stepsearch_core.report.markdown import table_lines
from stepsearch_core.report.provenance import ASKED, of_policy, remarks
from stepsearch_core.report.results import columns, interval, name_of, number
from stepsearch_core.report.tables import Table, cell_text
from stepsearch_core.runtime.software import noted_commit

TASK = "question answering with search"
PRINTED = {
    "dataset_name": "Data set",
    "source": "Source",
    "split": "Split",
    "metric_name": "Metric",
    "policy": "Policy",
    "protocol": ASKED["protocol"],
    "max_searches": ASKED["max_searches"],
    "changes": ASKED["changes"],
    "n": "n",
    "data": "Data",
    "corpus": "Corpus",
    "of_questions": "Passages of question files",
    "index": "Index",
    "code": "Code",
    "model": "Model",
}
"""Fields of a row that Markdown has, with the head of their column; the result stands before `n`."""
LISTS = ("changes", "remarks")
"""Fields that are lists of texts: in CSV one text."""


def read_evaluated(path: Path) -> dict[str, Any]:
    """What `data/evaluate/evaluated.json` says of an evaluation, with the commit of the code if it ran here.

    Raises:
        DataError: it is missing, damaged, or of a version that did not say what was measured.
    """
    evaluated = read_object(path, ["policies", "fingerprint"])
    if read_provenance(path) is None:
        raise DataError("does not say what was measured: evaluate again (`dvc repro evaluate`)", path)
    note = path.parent.parent / "timings" / "evaluate.commit"
    evaluated["provenance"]["code"]["commit"] = noted_commit(path, note)
    return evaluated


def leaderboard_rows(metrics: Metrics, evaluated: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each policy, benchmark (and the mean) and measure that has a value.

    `data` is the revision of the data set, or the SHA-256 of its file; `code` the commit, or the version if
    it is not known; `corpus`, `index` (a service's, where one was searched) and `model` are hashes.
    """
    return [
        _row(metrics, evaluated, policy, column, key)
        for policy in policies_of(metrics)
        for column in columns(metrics)
        for key in EVALUATED
        if metrics[policy].get(column, {}).get(key, {"value": None})["value"] is not None
    ]


def write_leaderboard(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write `results.json`, `results.csv` and `results.md`."""
    write_json(folder / "results.json", rows)
    with atomic_write(folder / "results.csv") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(row | {field: "; ".join(row[field]) for field in LISTS} for row in rows)
    with atomic_write(folder / "results.md") as file:
        file.write("\n".join(_markdown(rows)) + "\n")


def _row(metrics: Metrics, evaluated: dict[str, Any], policy: str, column: str, key: str) -> dict[str, Any]:
    made, seen = of_policy(evaluated["provenance"], policy), evaluated["fingerprint"]
    asked, cell = made["policies"][policy], metrics[policy][column][key]
    return {
        "task": TASK,
        **(_mean(metrics[policy], key) if column == MEAN else _data(made, column)),
        "metric": key,
        "metric_name": BY_KEY[key].label,
        "policy": policy,
        **{field: cell[field] for field in ("value", "low", "high")},
        "confidence": made["confidence"],
        "n": cell["n"],
        "corpus": made["corpus"]["hash"],
        "passages": made["corpus"]["passages"],
        "of_questions": made["corpus"]["of_questions"],
        "index": seen.get("service", seen)["index"],
        "retrieval": asked["retrieval"],
        "protocol": asked["protocol"],
        "prompt": asked["prompt"],
        "max_searches": asked["max_searches"],
        "changes": asked["changes"],
        "code": made["code"]["commit"] or made["code"]["stepsearch"],
        "model": evaluated["policies"][policy],
        "model_source": asked["source"],
        "model_revision": asked["revision"],
        "remarks": remarks(made, None if column == MEAN else column),
    }


def _data(made: dict[str, Any], benchmark: str) -> dict[str, Any]:
    entry = made["benchmarks"][benchmark]
    return {
        "dataset": benchmark,
        "dataset_name": name_of(benchmark),
        "source": entry["source"],
        "config": entry["config"],
        "split": entry["split"],
        "data": entry["revision"] or entry["sha256"],
        **{field: entry[field] for field in ("sha256", "in_training", "hop_in_training")},
    }


def _mean(columns: dict[str, dict[str, Any]], key: str) -> dict[str, Any]:
    """Of several data sets, those with a value; it has none of its own."""
    measured = (name for name, cells in columns.items() if name != MEAN and cells[key]["value"] is not None)
    fields = dict.fromkeys(("source", "config", "split", "data", "sha256", "in_training", "hop_in_training"))
    return {"dataset": MEAN, "dataset_name": f"Mean of {', '.join(map(name_of, measured))}", **fields}


def _markdown(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A table with hashes by their beginnings, and behind it all remarks, once each."""
    heads = list(PRINTED.values())
    place = heads.index("n")
    body = tuple(
        (*cells[:place], _result(row), *cells[place:])
        for row in rows
        for cells in [[cell_text(row[field]) for field in PRINTED]]
    )
    yield f"{TASK[:1].upper()}{TASK[1:]}; {rows[0]['confidence']:.0%} intervals."
    yield ""
    yield from table_lines(Table("", (*heads[:place], "Result", *heads[place:]), body))
    for remark in dict.fromkeys(text for row in rows for text in row["remarks"]):
        yield f"\n{remark}."


def _result(row: dict[str, Any]) -> str:
    digits = BY_KEY[row["metric"]].digits
    return f"{number(row['value'], digits)} ({interval(row, digits)})"
