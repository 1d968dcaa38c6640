"""One reader for all benchmarks: `read_benchmark(name, path, split)` yields checked records of published or
generated files. Where a format holds no decomposition, an optional file beside it can bring one (`decompositions`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from stepsearch_core.data import bamboogle, hotpotqa, musique, twowiki
from stepsearch_core.data.records import Record, read_sub_question
from stepsearch_core.data.rows import Row, read_rows
from stepsearch_core.params import BENCHMARKS
from stepsearch_core.text import passage_id
from stepsearch_core.types import Step

READERS: dict[str, Callable[[Row, int, str], Record]] = {
    "musique": musique.read_record,
    "hotpotqa": hotpotqa.read_record,
    "2wikimultihopqa": twowiki.read_record,
    "bamboogle": bamboogle.read_record,
}
assert tuple(READERS) == BENCHMARKS


def read_benchmark(name: str, path: Path | str, split: str, decompositions: Path | None = None) -> Iterator[Record]:
    """Yield the records of a benchmark file in its order.

    Args:
        name: One of `params.BENCHMARKS`.
        path: `.json`, `.jsonl` or `.csv`, by its suffix.
        split: Written into the questions.
        decompositions: Optional JSON lines of `{"dataset", "id", "steps": [{"question", "answer", "title", "text"}]}`;
            where it has a question's id, its steps replace the reader's.

    Raises:
        DataError: a missing or empty file, damage, a duplicate question id; names file, line or record, and field.
        KeyError: an unknown benchmark.
    """
    reader = READERS[name]
    steps = read_decompositions(decompositions, name) if decompositions else {}
    places: dict[str, str] = {}
    for number, row in enumerate(read_rows(path)):
        record = reader(row, number, split)
        identifier = record.question.id
        if identifier in places:
            raise row.error("id", f"{identifier!r} is also the id at {places[identifier]}")
        places[identifier] = row.place
        if identifier in steps:
            record = replace(record, question=replace(record.question, steps=steps[identifier]))
        yield record


def read_decompositions(path: Path | str, name: str) -> dict[str, tuple[Step, ...]]:
    """The steps that a decompositions file gives for the questions of one benchmark, by question id.

    Raises:
        DataError: damage, an unknown dataset, or two decompositions of one question.
    """
    found: dict[str, tuple[Step, ...]] = {}
    for row in read_rows(path):
        dataset, identifier = row.text("dataset"), row.text("id")
        if dataset not in BENCHMARKS:
            raise row.error("dataset", f"{dataset!r} is not one of {', '.join(BENCHMARKS)}")
        steps = _read_steps(row)
        if dataset != name:
            continue
        if identifier in found:
            raise row.error("id", f"a second decomposition of {identifier!r}")
        found[identifier] = steps
    return found


def _read_steps(row: Row) -> tuple[Step, ...]:
    steps: list[Step] = []
    for step in row.objects("steps"):
        sub_question = read_sub_question(step, "question", [earlier.sub_answer for earlier in steps])
        support_id = passage_id(step.text("title"), step.text("text"))
        steps.append(Step(sub_question, step.text("answer"), (support_id,)))
    if not steps:
        raise row.error("steps", "empty")
    return tuple(steps)
