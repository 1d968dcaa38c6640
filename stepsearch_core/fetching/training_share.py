"""Questions of MuSiQue's test file moved to the training file, for whoever has no training file of a size.

Questions that share a single-hop question share its answer too, so they move together: whole groups, the
connected ones, in an order that a hash of their ids decides. Those that share one with a row of the training
file always move. So no single-hop question of an evaluated question has been trained on. Figures for the
rest of a published test set are not comparable to published ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scipy.cluster.hierarchy import DisjointSet

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_json
from stepsearch_core.base.io import write_jsonl
from stepsearch_core.benchmarks.musique import read_example
from stepsearch_core.benchmarks.sources import STANDARD_NAMES, fetched_file
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row
from stepsearch_core.data.rows import read_rows

TRAIN, TEST = "musique_train", "musique"
_FIELD = "fetch.training_share"


def move_to_training(folder: Path, share: float) -> int:
    """Move about `share` of the rows of MuSiQue's test file in `folder` to the end of the training file.

    Groups are taken while they fit, so that at most `share` of the rows move, besides those that must. Rows
    that cannot be read as questions stay; what is no JSON object is left out.

    Returns:
        How many moved.

    Raises:
        DataError: no test file was fetched, a row's single-hop questions have no ids, or none is left.
    """
    test, train = fetched_file(folder, TEST), fetched_file(folder, TRAIN)
    if test is None:
        raise DataError("no file of musique was fetched, to take questions from", "params", field=_FIELD)
    rows = _rows(test)
    trained = [] if train is None else _rows(train)
    moved = _chosen([single_hops(row) for row in rows], [single_hops(row) for row in trained], share)
    if len(moved) == len(rows):
        raise DataError("all questions of musique would be moved; lower it", "params", field=_FIELD)
    stay = sorted(set(range(len(rows))).difference(moved))
    _replace(test, folder / STANDARD_NAMES[TEST], [rows[number] for number in stay])
    _replace(train, folder / STANDARD_NAMES[TRAIN], [*trained, *(rows[number] for number in moved)])
    return len(moved)


def single_hops(row: Row) -> set[str]:
    """What the single-hop questions of a row are known by: their ids, and their texts where these are whole.

    A text with `#1` in it asks for something else in every question. None of a row that cannot be read.

    Raises:
        DataError: an id is missing.
    """
    try:
        read_example(row, 0, "test", Account(row.place))
    except DataError:
        return set()
    hops: list[dict[str, Any]] = row.items("question_decomposition")
    if missing := [hop for hop in hops if "id" not in hop]:
        raise row.error("question_decomposition", f"no id of {missing[0]['question']!r} ({_FIELD})")
    texts = {" ".join(hop["question"].lower().split()) for hop in hops if "#" not in hop["question"]}
    return {f"id {hop['id']}" for hop in hops} | texts


def _chosen(rows: list[set[str]], trained: list[set[str]], share: float) -> list[int]:
    """Numbers of the rows that move, group after group."""
    joined: DisjointSet = DisjointSet()
    for keys in (*rows, *trained):
        first, *others = sorted(keys) or [""]
        for key in (first, *others):
            joined.add(key)
            joined.merge(first, key)
    groups: dict[str, list[int]] = {}
    for number, keys in enumerate(rows):
        if keys:
            groups.setdefault(joined[min(keys)], []).append(number)
    must = {joined[min(keys)] for keys in trained if keys}

    def drawn(root: str) -> tuple[bool, str]:
        return root not in must, sha256_json(sorted(set().union(*(rows[number] for number in groups[root]))))

    order = sorted(groups, key=drawn)
    moved: list[int] = []
    for root in order:
        if root in must or len(moved) + len(groups[root]) <= share * len(rows):
            moved += groups[root]
    return moved


def _rows(path: Path) -> list[Row]:
    unreadable: list[DataError] = []
    return list(read_rows(path, unreadable.append))


def _replace(path: Path | None, target: Path, rows: list[Row]) -> None:
    if path is not None:
        path.unlink()
    write_jsonl(target, [row.value for row in rows])
