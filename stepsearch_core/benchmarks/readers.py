"""One reader for all benchmarks: `read_benchmark(name, path, split)` yields checked examples of published or
generated files. Where a format holds no decomposition, an optional file beside it can bring one
(`decompositions`). Rows that cannot be read are dropped and named, up to a limit (`account`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks import hotpotqa, musique, pairs, twowiki
from stepsearch_core.benchmarks.examples import Decomposition, Example, read_hops
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row
from stepsearch_core.data.rows import read_rows
from stepsearch_core.params import BENCHMARKS

FORMATS = {
    "musique": musique.read_example,
    "hotpotqa": hotpotqa.read_example,
    "2wikimultihopqa": twowiki.read_example,
}
"""Formats of their own."""
READERS: dict[str, Callable[[Row, int, str, Account], Example]] = {
    **FORMATS,
    **{name: partial(pairs.read_example, name) for name in BENCHMARKS if name not in FORMATS},
}
"""All others are questions with their answers."""
DECOMPOSED = tuple(name for name in READERS if name != "qa")
"""What a decompositions file may name; questions of one's own bring their steps themselves."""


def read_benchmark(
    name: str,
    path: Path | str,
    split: str,
    decompositions: Mapping[str, Decomposition] | None = None,
    account: Account | None = None,
) -> Iterator[Example]:
    """Yield the examples of a benchmark file in its order.

    Args:
        name: One of `READERS`.
        path: `.json`, `.jsonl` or `.csv`; see `rows.read_rows`.
        split: Written into the questions.
        decompositions: By question id, of `read_decompositions`; their hops replace the reader's.
        account: Says how many rows may be dropped, and is told which were. None: none may.

    Raises:
        DataError: a missing or empty file, or more damaged rows (of a question id that another has, say)
            than may be dropped; names file, line or row, and field.
        KeyError: an unknown benchmark.
    """
    reader = READERS[name]
    given = decompositions or {}
    account = account or Account(path)
    places: dict[str, str] = {}
    numbers = count()

    def refused(error: DataError) -> None:
        next(numbers)  # a row that no reader sees has its number, too: it may be an id
        account.drop(error)

    for row in read_rows(path, refused):
        number, before = next(numbers), account.oddities.copy()
        try:
            example = reader(row, number, split, account)
            identifier = example.question.id
            if identifier in places:
                raise row.error("id", f"{identifier!r} is also the id of {places[identifier]}")
        except DataError as error:
            account.oddities = before  # those of rows that are kept
            account.drop(error)
            continue
        places[identifier] = row.place.removeprefix(f"{path}, ")
        if identifier in given:
            question = replace(example.question, hops=given[identifier].hops)
            example = replace(example, question=question, supports=given[identifier].supports)
        yield example
    account.close(len(places))


def read_decompositions(
    path: Path | str, account: Account | None = None
) -> dict[str, dict[str, Decomposition]]:
    """What a decompositions file gives, by benchmark and question id.

    Args:
        path: Rows of `{"dataset", "id", "steps": [{"question", "answer", "title", "text"}]}`.
        account: As of `read_benchmark`.

    Raises:
        DataError: damage, an unknown dataset, or two decompositions of one question, beyond what may be
            dropped.
    """
    account = account or Account(path)
    found: dict[str, dict[str, Decomposition]] = {name: {} for name in READERS}
    for row in read_rows(path, account.drop):
        before = account.oddities.copy()
        try:
            dataset, identifier = row.text("dataset"), row.text("id")
            if dataset not in DECOMPOSED:
                raise row.error("dataset", f"{dataset!r} is not one of {', '.join(DECOMPOSED)}")
            hops = read_hops(row, "steps", lambda hop: pairs.read_support(hop).id, account)
            supports = tuple(map(pairs.read_support, row.objects("steps")))
            if identifier in found[dataset]:
                raise row.error("id", f"a second decomposition of {identifier!r}")
        except DataError as error:
            account.oddities = before
            account.drop(error)
        else:
            found[dataset][identifier] = Decomposition(hops, supports)
    account.close(sum(map(len, found.values())))
    return found
