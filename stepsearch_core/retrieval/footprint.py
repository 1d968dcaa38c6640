"""What a dense index takes of memory and disk, worked out before anything is encoded, and the refusal."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from stepsearch_core.base.amounts import gigabytes
from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.factory import make_index, naming_faiss, training_positions
from stepsearch_core.retrieval.parts import centroid_bytes, is_mapped, part_ranges, vector_bytes
from stepsearch_core.retrieval.shards import whole_shards

NUMBER_BYTES = {"float32": 4, "float16": 2}
"""Of `retrieval.dtype`."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes; of memory without the encoder's own."""

    index: int
    """Of the index's files, which are memory-mapped: a search that goes through all of it is fast if main
    memory holds it."""
    disk: int
    """Of the index and the encoded passages, when both are there at most."""
    memory: int
    """Taken at most while the index is built."""


def footprint(params: RetrievalParams, dimensions: int, passages: int) -> Footprint:
    """What building and keeping the index of `params` takes.

    Raises:
        DataError: FAISS knows no such index, or cannot tell.
    """
    if not passages:
        return Footprint(0, 0, 0)
    empty = make_index(params.index_factory, dimensions)
    with naming_faiss(params.index_factory):
        a_vector = vector_bytes(empty)
        parts = part_ranges(empty, range(passages))
    index = passages * a_vector + len(parts) * centroid_bytes(empty)
    encoded = passages * dimensions * NUMBER_BYTES[params.dtype]
    # what a part's vectors lie in grows by being copied to where there is twice the room
    filling = 2 * len(parts[0]) * a_vector + 4 * min(whole_shards(1), passages) * dimensions
    training = 0 if empty.is_trained else 4 * dimensions * len(training_positions(passages))
    memory = max(filling, training) + centroid_bytes(empty)
    if params.index_factory == "Flat":  # encoded passages go as soon as they are in a part
        return Footprint(index, max(encoded + len(parts[0]) * a_vector, index), memory)
    return Footprint(index, encoded + index, memory)


def admit_open(params: RetrievalParams, dimensions: int, size: int) -> None:
    """Make sure that main memory holds an index of so many bytes, if its kind has to be read into it.

    Raises:
        DataError: it does not; names what is needed and what is free.
    """
    free = psutil.virtual_memory().available
    if size > free and not is_mapped(make_index(params.index_factory, dimensions)):
        problem = (
            f"it takes {gigabytes(size)} of main memory to search the dense index, and {gigabytes(free)} are"
            " free: Flat, SQ, PQ, IVF and HNSW are memory-mapped"
        )
        raise DataError(problem, "params", field="retrieval.index_factory")


def gpu_bytes(params: RetrievalParams, index: int) -> int:
    """What an index of so many bytes takes of a GPU, where `dtype: float16` halves the vectors of Flat."""
    return index // 2 if params.index_factory == "Flat" and params.dtype == "float16" else index


def admit(needed: Footprint, passages: int, folder: Path, work: Path) -> None:
    """Make sure that an index can be built here, before any work.

    Args:
        needed: By the index.
        passages: Of the corpus, for the message.
        folder: Will hold the index.
        work: Holds encoded passages and parts, and may hold some by now.

    Raises:
        DataError: memory or disk does not do; names what is needed and what is free.
    """
    free = psutil.virtual_memory().available
    if needed.memory > free:
        less = "Flat, SQ, PQ and IVF are built in parts and need less, as do fewer dimensions"
        raise _refusal("main memory to build", needed.memory, free, passages, less)
    there = sum(file.stat().st_size for file in work.iterdir() if file.is_file())
    room = shutil.disk_usage(work).free
    if needed.disk - there > room:
        less = f"free some at {work.absolute()}, or take a smaller index (SQfp16, SQ8), or float16 vectors"
        raise _refusal("disk for encoded passages and", needed.disk - there, room, passages, less)
    elsewhere = shutil.disk_usage(folder).free
    if folder.stat().st_dev != work.stat().st_dev and needed.index > elsewhere:
        less = f"free some at {folder.absolute()}, or take a smaller index (SQfp16, SQ8)"
        raise _refusal("disk for", needed.index, elsewhere, passages, less)


def _refusal(what: str, needed: float, free: float, passages: int, remedy: str) -> DataError:
    problem = (
        f"it takes {gigabytes(needed)} of {what} the dense index of {passages:,} passages, and"
        f" {gigabytes(free)} are free: {remedy}"
    )
    return DataError(problem, "params", field="retrieval.index_factory")
