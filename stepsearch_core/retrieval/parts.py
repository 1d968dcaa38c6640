"""An index of any size in files of bounded size: parts, filled one after another and searched as one.

A part is a FAISS file of its own, of the vectors of a run of passages. Quantisers are trained once, on a
sample, and every part begins as that trained and empty index. So parts find together what one index of all
vectors finds: of flat kinds (Flat, SQ, PQ) by merging what each finds; of IVF by joining the parts' lists of
each cluster under one quantiser, where every part by itself would look for the nearest clusters anew. A
graph (HNSW) is no sum of smaller ones and stays in one part, which is made in memory, as are packed codes
(PQ4x4fs).

Parts are opened memory-mapped: the pages that searches read are the system's, shared by all processes, and
can be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import atomic_write
from stepsearch_core.retrieval.factory import faiss_reason
from stepsearch_core.retrieval.shards import whole_shards

PART_BYTES = 256 << 20
"""Of the vectors of a part, more or less. Parts of IVF also hold its centroids, and are larger if these
would else be more than a quarter."""
ONLY = "index.faiss"
"""An index of one part."""
_MAPPED = faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY


def part_ranges(empty: faiss.Index, passages: range) -> list[range]:
    """The positions of the passages of each part: whole shards, but for the last."""
    most = max(1, len(passages))
    if divides(empty):
        most = whole_shards(max(PART_BYTES, 4 * centroid_bytes(empty)) // vector_bytes(empty))
    starts = range(passages.start, passages.stop, most)
    return [range(start, min(start + most, passages.stop)) for start in starts]


def part_name(start: int) -> str:
    """The file of the part that begins at this position, one of several."""
    return f"part_{start:010d}.faiss"


def divides(index: faiss.Index) -> bool:
    """Whether several indexes of this kind find together what one of all their vectors finds."""
    kind = _core(index)
    if isinstance(kind, faiss.IndexIVF):
        lists: Any = kind.invlists
        return isinstance(faiss.downcast_InvertedLists(lists), faiss.ArrayInvertedLists)
    return isinstance(kind, faiss.IndexFlatCodes)


def is_mapped(index: faiss.Index) -> bool:
    """Whether an index of this kind is read from its file as searches go, and not into memory at once."""
    kind = _core(index)
    return divides(index) or (isinstance(kind, faiss.IndexHNSW) and divides(kind.storage))


def is_ivf(index: faiss.Index) -> bool:
    """Whether vectors are listed by their nearest centroid, behind whatever transforms."""
    return isinstance(_core(index), faiss.IndexIVF)


def vector_bytes(index: faiss.Index) -> int:
    """Bytes a vector: its code, and the identifier (IVF) or links (HNSW) that are stored with it."""
    kind, untyped = _core(index), _core(index)
    if isinstance(kind, faiss.IndexHNSW):
        levels = 16  # level, offset, and links of the sparse upper levels
        return vector_bytes(kind.storage) + 4 * untyped.hnsw.nb_neighbors(0) + levels
    if isinstance(kind, faiss.IndexRefine):
        return vector_bytes(kind.base_index) + vector_bytes(kind.refine_index)
    if isinstance(kind, faiss.IndexIVF):
        return kind.code_size + 8
    return kind.sa_code_size()


def centroid_bytes(index: faiss.Index) -> int:
    """Bytes of the centroids of an IVF index, which are in each of its parts; 0 of other kinds."""
    kind = _core(index)
    return 4 * kind.nlist * kind.d if isinstance(kind, faiss.IndexIVF) else 0


def write_part(index: faiss.Index, file: Path) -> None:
    """Write an index, whole or not at all."""
    with atomic_write(file, "wb") as opened:
        # FAISS's own writer does not notice a disk that is full when the file is closed
        faiss.write_index(index, faiss.PyCallbackIOWriter(opened.write))  # type: ignore[attr-defined]


def add_vectors(index: faiss.Index, vectors: np.ndarray, start: int) -> None:
    """Add the vectors of the passages from position `start` on to the index of a part."""
    if is_ivf(index):  # joined lists hold positions in the corpus
        index.add_with_ids(vectors, np.arange(start, start + len(vectors)))
    else:
        index.add(vectors)


def open_part(file: Path) -> faiss.Index:
    """Memory-map an index, as far as its kind allows.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return faiss.read_index(str(file), _MAPPED)
    except (RuntimeError, MemoryError) as error:
        raise DataError(f"no whole index: {faiss_reason(error)}", file) from None


def part_files(folder: Path) -> list[Path]:
    """The parts of an index that is finished, in order; `ONLY` if there are not several."""
    return sorted(folder.glob("part_*.faiss")) or [folder / ONLY]


def open_parts(files: Sequence[Path], begin: int = 0) -> list[faiss.Index]:
    """Open all parts of an index, which begins at the passage `begin`.

    Raises:
        DataError: one is missing or damaged.
    """
    parts = [open_part(file) for file in files]
    begins = accumulate((part.ntotal for part in parts), initial=begin)
    for file, start in zip(files, begins, strict=False):
        if file.name not in (ONLY, part_name(start)):
            raise DataError("the part before it is missing", file)
    return parts


def join_parts(parts: Sequence[faiss.Index], stacked: bool = True) -> faiss.Index:
    """Parts of one index as one index that is searched by position in the corpus.

    Args:
        parts: In the order of their passages.
        stacked: Whether lists of IVF parts are joined; else every part is searched by itself.
    """
    if not is_ivf(parts[0]):
        return join_indexes(parts)
    if stacked and len(parts) > 1:
        return _stacked(parts)
    return join_indexes(parts, successive=False)  # IVF holds positions


def join_indexes(indexes: Sequence[faiss.Index], successive: bool = True) -> faiss.Index:
    """Indexes of any kinds, each searched by itself, as one.

    Args:
        indexes: At least one.
        successive: Whether the numbers of each follow those of the one before.
    """
    if len(indexes) == 1:
        return indexes[0]
    made: Any = faiss.IndexShards  # the stub lacks an argument
    joined = made(indexes[0].d, False, successive)  # in threads of its own: no
    for index in indexes:
        joined.add_shard(index)
    return joined


def _stacked(parts: Sequence[faiss.Index]) -> faiss.Index:
    """The first part with the lists of all of them."""
    lists: Any = faiss.InvertedListsPtrVector()  # type: ignore[attr-defined]
    for part in parts:
        inner = faiss.extract_index_ivf(part)
        inner.own_invlists = False
        lists.push_back(inner.invlists)
    stack = faiss.HStackInvertedLists(lists.size(), lists.data())
    index: Any = parts[0]
    inner = faiss.extract_index_ivf(index)
    inner.replace_invlists(stack, False)
    inner.ntotal = index.ntotal = sum(part.ntotal for part in parts)
    index.referenced_objects = [*parts[1:], stack]  # as FAISS's own wrappers keep what C++ points to
    return index


def _core(index: faiss.Index) -> Any:
    """What an index is behind the transforms of its vectors."""
    made: Any = faiss.downcast_index(index)
    return _core(made.index) if isinstance(made, faiss.IndexPreTransform) else made
