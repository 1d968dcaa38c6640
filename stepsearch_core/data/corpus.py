"""The corpus: every passage once, under an id that its content decides, on disk and memory-mapped.

A passage's id is the hash of its squeezed title and text (`text.passage_id`), always computed here, so the
gold paragraph of a benchmark row and the corpus passage with the same content are the same passage whatever
file each came from. Passages lie in an Arrow file; ids are found by binary search in a sorted, memory-mapped
array. Neither is read into memory (21 million passages of Wikipedia would not fit); only building keeps one
64-bit key a passage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import atomic_folder, read_object, write_array, write_json
from stepsearch_core.base.text import passage_id, squeeze
from stepsearch_core.base.types import Passage
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row
from stepsearch_core.data.rows import read_rows

if TYPE_CHECKING:
    from datasets import Dataset

UNTITLED = "contents of one line, taken as text without a title"
"""What an account calls such a row of a corpus."""

CACHED_PASSAGES = 65_536
"""Passages kept in memory: training finds the same ones again and again, and reading one takes 40 µs."""
_READ_AT_ONCE = 1000


class Corpus:
    """Random access to passages by position (0 to len - 1) and by id; `hash` names content and order."""

    def __init__(self, dataset: Dataset, keys: np.ndarray, positions: np.ndarray, content_hash: str) -> None:
        self._dataset = dataset
        self._keys = np.asarray(keys)
        self._positions = np.asarray(positions)  # as mapped, without memmap's own cost
        self.hash = content_hash
        self._passage = lru_cache(maxsize=CACHED_PASSAGES)(self._read)

    @classmethod
    def open(cls, folder: Path | str) -> Corpus:
        """Map a corpus that `build_corpus` wrote.

        Raises:
            DataError: `folder` holds no corpus, or a damaged one.
        """
        from datasets import Dataset

        folder = Path(folder)
        manifest = read_manifest(folder)
        try:
            dataset = Dataset.from_file(str(folder / "passages.arrow"))
            keys, positions = (
                np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("keys", "positions")
            )
        except (OSError, ValueError, EOFError) as error:  # Arrow's errors are ValueErrors or OSErrors
            raise DataError(f"no whole corpus: {error}", folder) from None
        if not len(dataset) == len(keys) == len(positions) == manifest["rows"]:
            raise DataError(f"no whole corpus: {len(dataset)} passages, expected {manifest['rows']}", folder)
        return cls(dataset, keys, positions, manifest["hash"])

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, position: int) -> Passage:
        """The passage at `position`.

        Raises:
            IndexError: `position` is not in 0 ... len - 1.
        """
        if not 0 <= position < len(self):
            raise IndexError(f"no passage {position} in a corpus of {len(self)}")
        return self._passage(int(position))

    def __iter__(self) -> Iterator[Passage]:
        return self._between(0, len(self))

    def __contains__(self, identifier: object) -> bool:
        return isinstance(identifier, str) and self._find(identifier) is not None

    def position(self, identifier: str) -> int:
        """Where the passage with this id lies.

        Raises:
            KeyError: the corpus does not hold it.
        """
        position = self._find(identifier)
        if position is None:
            raise KeyError(f"no passage with id {identifier!r} in the corpus")
        return position

    def positions(self, identifiers: Sequence[str]) -> np.ndarray:
        """Where the passages with these ids lie, int64 [ids]; -1 for an id that the corpus does not hold."""
        try:
            keys = np.array([int(identifier, 16) for identifier in identifiers], dtype=np.uint64)
        except (ValueError, OverflowError):  # one of them is not one of our ids
            found = [self._find(identifier) for identifier in identifiers]
            return np.array([-1 if position is None else position for position in found], dtype=np.int64)
        slots = np.minimum(self._keys.searchsorted(keys), len(self._keys) - 1)
        return np.where(self._keys[slots] == keys, self._positions[slots], -1)

    def get(self, identifier: str) -> Passage:
        """The passage with this id.

        Raises:
            KeyError: the corpus does not hold it.
        """
        return self[self.position(identifier)]

    def ids_by_title(self, titles: Iterable[str]) -> dict[str, list[str]]:
        """Ids of the passages of each of these titles, in the order of positions; no title is none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(sorted(set(titles) - {""}), type=pa.string())
        table = self._dataset.data.table.select(["id", "title"])
        found = table.filter(pc.is_in(table["title"], value_set=wanted))
        ids: dict[str, list[str]] = {title: [] for title in titles}
        for identifier, title in zip(*(found[name].to_pylist() for name in ("id", "title")), strict=True):
            ids[title].append(identifier)
        return ids

    def contents(self, start: int = 0, stop: int | None = None) -> Iterator[str]:
        """Title and text of every passage (from `start`, to before `stop`), in the order of positions."""
        stop = len(self) if stop is None else min(stop, len(self))
        return (passage.contents for passage in self._between(start, stop))

    def _between(self, start: int, stop: int) -> Iterator[Passage]:
        for first in range(start, stop, _READ_AT_ONCE):
            batch = self._dataset[first : min(first + _READ_AT_ONCE, stop)]
            yield from (
                Passage(*row) for row in zip(batch["id"], batch["title"], batch["text"], strict=True)
            )

    def _read(self, position: int) -> Passage:
        row = self._dataset[position]
        return Passage(row["id"], row["title"], row["text"])

    def _find(self, identifier: str) -> int | None:
        try:
            key = np.uint64(int(identifier, 16))
        except (ValueError, OverflowError):  # not one of our ids: 16 hex digits
            return None
        slot = int(np.searchsorted(self._keys, key))
        if slot == len(self._keys) or self._keys[slot] != key:
            return None
        return int(self._positions[slot])


def read_manifest(folder: Path | str) -> dict[str, Any]:
    """What the corpus in `folder` is: its content's `hash`, its `rows`, and whatever else was counted.

    Raises:
        DataError: `folder` holds no corpus.
    """
    return read_object(Path(folder, "manifest.json"), ("hash", "rows"))


def build_corpus(
    sources: Iterable[Passage],
    folder: Path | str,
    complete: Callable[[Path], dict[str, Any]] | None = None,
    of_questions: Iterable[Passage] = (),
) -> dict[str, Any]:
    """Write every distinct passage (the first of each id) to `folder`, whole or not at all.

    Args:
        sources: Ids are computed anew from the squeezed title and text.
        folder: Is replaced.
        complete: Writes what else belongs into the folder, once all passages are there, and returns what the
            manifest is to say of it.
        of_questions: What files of questions bring, behind the others. How many of these passages the others
            lack is counted: with them a corpus is easier than without.

    Returns:
        The manifest: `rows`, `of_questions` (those from there alone), `duplicates` and content `hash`.

    Raises:
        DataError: there is no passage.
    """
    with atomic_folder(folder) as temporary:
        manifest = _write(sources, of_questions, temporary)
        if not manifest["rows"]:
            raise DataError("no passage to put into the corpus", folder)
        if complete:
            manifest |= complete(temporary)
        write_json(temporary / "manifest.json", manifest)
    return manifest


def _write(sources: Iterable[Passage], of_questions: Iterable[Passage], folder: Path) -> dict[str, Any]:
    from datasets import Features, Value
    from datasets.arrow_writer import ArrowWriter

    features = Features({name: Value("string") for name in ("id", "title", "text")})
    keys: dict[int, None] = {}  # a set that remembers the order
    digest = hashlib.sha256()
    duplicates, alone = 0, 0
    each = chain(((False, source) for source in sources), ((True, source) for source in of_questions))
    with ArrowWriter(path=str(folder / "passages.arrow"), features=features) as writer:
        for of_a_question, source in each:
            identifier = passage_id(source.title, source.text)
            if int(identifier, 16) in keys:
                duplicates += 1
                continue
            keys[int(identifier, 16)] = None
            alone += of_a_question
            digest.update(identifier.encode())
            writer.write({"id": identifier, "title": squeeze(source.title), "text": squeeze(source.text)})
        writer.finalize()
    _write_keys(keys, folder)
    return {
        "rows": len(keys),
        "of_questions": alone,
        "duplicates": duplicates,
        "hash": digest.hexdigest(),
    }


def _write_keys(keys: Iterable[int], folder: Path) -> None:
    """Keys in ascending order beside the position of each: what `Corpus.position` searches."""
    unsorted = np.fromiter(keys, dtype=np.uint64)
    order = np.argsort(unsorted)
    write_array(folder / "keys.npy", unsorted[order])
    write_array(folder / "positions.npy", order.astype(np.int64))


def read_corpus_file(path: Path | str, account: Account | None = None) -> Iterator[Passage]:
    """Read passages: rows of `{id, title, text}`, or Search-R1's `{id, contents}` with the title first.

    `contents` of a single line, which Search-R1 never has, are text without a title; the account counts
    them. The file's own ids only have to be there and to differ; passages are known by the hash of their
    content.

    Args:
        path: JSON lines, which are read line by line, or another file of `rows.read_rows`.
        account: Says how many rows may be dropped, and is told which were. None: none may.

    Raises:
        DataError: no such file, no passage in it, or more damaged rows (a field missing or not text, an id
            that another has) than may be dropped.
    """
    path = Path(path)
    account = account or Account(path)
    seen: set[str] = set()
    rows = read_rows(path, account.drop)
    for row in tqdm(rows, total=count_lines(path), desc=path.name, unit=" passages"):
        try:
            passage = read_corpus_row(row, seen, account)
        except DataError as error:
            account.drop(error)
        else:
            yield passage
    account.close(len(seen))


def read_corpus_row(row: Row, seen: set[str], account: Account) -> Passage:
    """The passage of one row of a corpus file; `seen` has the ids of those before, and gets its own.

    Raises:
        DataError: a field missing or not text, an id that another has, or no text in it.
    """
    identifier = str(row.integer("id")) if isinstance(row.value.get("id"), int) else row.string("id")
    if identifier in seen:
        raise row.error("id", f"{identifier!r} is the id of an earlier passage")
    passage = read_passage(row, account)
    seen.add(identifier)
    return passage


def read_passage(row: Row, account: Account) -> Passage:
    """The passage of a row, whatever its id.

    Raises:
        DataError: a field missing or not text, or no text in it.
    """
    title, text = _title_and_text(row, account)
    return Passage(passage_id(title, text), title, text)


def _title_and_text(row: Row, account: Account) -> tuple[str, str]:
    if "contents" in row.value:
        title, line_end, text = row.string("contents").partition("\n")
        if not line_end:
            title, text = "", title
            account.oddities[UNTITLED] += bool(text.strip())
        title = title.strip().removeprefix('"').removesuffix('"')
    else:
        title, text = row.string("title"), row.string("text")
    if not text.strip():
        raise row.error("contents" if "contents" in row.value else "text", "holds no text")
    return title, text


def count_lines(path: Path) -> int | None:
    """Lines of a file of JSON lines, for the progress bar; None of another kind or a missing file."""
    if not path.is_file() or path.suffix.lower() != ".jsonl":
        return None
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
