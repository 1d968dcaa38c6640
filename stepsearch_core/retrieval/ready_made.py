"""A dense index that somebody else made (Search-R1's file of E5 vectors, say): checked, then searched.

Its vectors are those of the passages of a corpus file, in the order of the file. The corpus has not quite
that order: a passage that the file has twice is there once. So each vector's position in the corpus is found
by the passage's content, and kept where it is not the vector's own number. Passages that the corpus has
behind those of the file (the benchmarks' own) get vectors here. The file is not copied and has to stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_samples
from stepsearch_core.base.io import read_object, write_array, write_json
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.retrieval.encoders import Encoder
from stepsearch_core.retrieval.parts import open_part, part_files

MANIFEST, ROWS = "ready_made.json", "rows.npy"
"""What a folder holds in place of an index: the file's path, size and hash, and where its vectors belong."""
SAMPLED = 64
"""Passages, evenly spaced, that are encoded anew."""
ALIKE = 0.95
"""Cosine of a passage's vector with the new one: others cut texts elsewhere, keep quotes around titles, or
compute in half precision. Neighbours in Wikipedia have about .85 by E5."""
LENGTH = 0.1
"""By how much the length of an alike vector may differ from 1, that of all vectors of an encoder: it is
searched by inner product, in which a longer one is found first whatever is asked."""
CODED = 3.0
"""Factor by which the product of a passage's new vector with its code may differ from 1."""
ENOUGH = 0.95
"""Share of the sampled passages that have to be alike, or found first where a vector is kept as a code."""


@dataclass(frozen=True, slots=True)
class ReadyMade:
    """A FAISS file, and the passages of its vectors in their order."""

    file: Path
    passages: Iterable[Passage]


def open_ready_made(file: Path, dimensions: int | None) -> faiss.Index:
    """Memory-map the file and look at its kind. `dimensions` are the encoder's, if they are known.

    Raises:
        DataError: it is missing or damaged, or has other dimensions or another metric.
    """
    if not file.is_file():
        raise _refusal(file, "no such file")
    try:
        index = open_part(file)
    except DataError as error:
        raise _refusal(file, error.problem) from None
    if dimensions not in (None, index.d):
        raise _refusal(file, f"vectors of {index.d} dimensions, and the encoder makes {dimensions}")
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise _refusal(file, "searched by another metric than the inner product")
    return index


def take_ready_made(made: ReadyMade, corpus: Corpus, encoder: Encoder, folder: Path) -> dict[str, Any]:
    """Check an index against `corpus` and put its manifest into `folder`.

    Returns:
        The manifest: path, bytes, hash and vectors of the file, how many of the first passages of the corpus
        these are of, and the share of sampled vectors that are alike.

    Raises:
        DataError: it is missing or damaged, has other dimensions or another metric, or is not of these
            passages; says with numbers how it is not.
    """
    index = open_ready_made(made.file, encoder.dimensions)
    rows = np.fromiter(_positions(made.passages, corpus), dtype=np.int64)
    if len(rows) != index.ntotal:
        problem = f"{index.ntotal:,} vectors, and {len(rows):,} passages in the corpus file"
        raise _refusal(made.file, f"{problem}: they have to be the same, in the same order")
    if (rows < 0).any():
        problem = f"{(rows < 0).sum():,} passages of the corpus file are not in the corpus"
        raise _refusal(made.file, f"{problem}: build it again (`dvc repro corpus`)")
    passages = len(np.unique(rows))
    if rows.max() >= passages:
        raise _refusal(
            made.file, "the corpus does not begin with the passages of the corpus file: build it again"
        )
    alike = _share_alike(index, rows, corpus, encoder)
    if alike < ENOUGH:
        problem = f"{alike:.0%} of {SAMPLED} sampled passages are what their vectors are of"
        others = "another corpus, another order, another encoder, or vectors of another length than 1"
        raise _refusal(made.file, f"{problem}: {others}")
    if not np.array_equal(rows, np.arange(passages)):
        write_array(folder / ROWS, np.concatenate([rows, np.arange(passages, len(corpus))]))
    manifest = {
        "path": str(made.file),
        "bytes": made.file.stat().st_size,
        "sampled_sha256": sha256_samples(made.file),
        "vectors": index.ntotal,
        "passages": passages,
        "alike": alike,
    }
    write_json(folder / MANIFEST, manifest)
    return manifest


def read_ready_made(folder: Path) -> dict[str, Any] | None:
    """The manifest in `folder` of a file that is as it was, or None without a manifest.

    Raises:
        DataError: it is gone, or is another one than when it was checked.
    """
    if not (folder / MANIFEST).is_file():
        return None
    manifest = read_object(folder / MANIFEST, ("path", "bytes", "sampled_sha256", "vectors", "passages"))
    file = Path(manifest["path"])
    if not file.is_file():
        problem = "no file any more"
    elif file.stat().st_size != manifest["bytes"] or sha256_samples(file) != manifest["sampled_sha256"]:
        problem = "another file than was checked"
    else:
        return manifest
    # DVC does not watch the file: unless it is forced, it takes the index for up to date
    remedy = "bring it back, name another, or check it anew (`dvc repro --single-item --force index`)"
    named = f"where index.ready_made named one of {manifest['bytes']:,} bytes"
    raise DataError(f"{problem}, {named}: {remedy}", file.absolute())


def index_files(folder: Path) -> list[Path]:
    """The files that an index folder's vectors are in: one that somebody else made, then those made here.

    Raises:
        DataError: as `read_ready_made`.
    """
    if (manifest := read_ready_made(folder)) is None:
        return part_files(folder)
    return [Path(manifest["path"]), *(file for file in part_files(folder) if file.is_file())]


def rows_of_vectors(folder: Path) -> np.ndarray | None:
    """The position in the corpus of each vector, int64 [vectors]; None where it is the vector's number."""
    return np.load(folder / ROWS, mmap_mode="r") if (folder / ROWS).is_file() else None


def _positions(passages: Iterable[Passage], corpus: Corpus) -> Iterator[int]:
    """Where each passage lies in the corpus; -1 for one that it does not hold."""
    rest = iter(passages)
    while some := [passage.id for passage in islice(rest, 4096)]:
        yield from corpus.positions(some).tolist()


def _share_alike(index: faiss.Index, rows: np.ndarray, corpus: Corpus, encoder: Encoder) -> float:
    """Of sampled vectors, the share that are those of their passages as far as that can be seen."""
    sampled = np.unique(np.linspace(0, len(rows) - 1, SAMPLED).astype(np.int64))
    wanted = encoder.encode_passages([corpus[position].contents for position in rows[sampled]])
    wanted = np.ascontiguousarray(wanted, dtype=np.float32)
    try:
        kept = np.stack([index.reconstruct(int(number)) for number in sampled])
        near = _cosines(wanted, kept) >= ALIKE
        alike = near & (np.abs(np.linalg.norm(kept, axis=1) - 1) <= LENGTH)
    except RuntimeError:  # a kind that keeps no vector that could be made again
        near = alike = np.zeros(len(sampled), dtype=bool)
    if not near.all():
        products, found = index.search(wanted[~near], 1)
        right = rows[found[:, 0]] == rows[sampled[~near]]
        alike[~near] = right & (products[:, 0] >= 1 / CODED) & (products[:, 0] <= CODED)
    return float(alike.mean())


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of parallel rows; 0 where one has no length."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / np.maximum(lengths, np.finfo(np.float32).tiny)


def _refusal(file: Path, problem: str) -> DataError:
    return DataError(f"{file.absolute()}: {problem}", "params", field="index.ready_made")
