"""FAISS index factories: whether one can be made and trained for a corpus, said before anything is encoded.

FAISS refuses fewer training vectors than a clustering has centroids, and says so only once it is given them:
after an encoder has worked for hours. A transform, likewise, refuses to give more dimensions than it gets.
Both follow from the index that a factory makes, without a vector; to train one for a try takes from
milliseconds (IVF) to minutes (OPQ), depending on its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np

from stepsearch_core.base.errors import DataError

TRAINING_PASSAGES = 262_144
"""Passages, evenly spaced over the corpus, on which clusters and quantisers are trained."""
ADVISED_A_CLUSTER = 39
"""Training vectors a cluster below which FAISS warns."""
_TRIED = 256
_REDUCING = (faiss.PCAMatrix, faiss.ITQTransform)
_SEARCH = re.compile(r"[A-Za-z_]+=[1-9]\d*(,[A-Za-z_]+=[1-9]\d*)*")
_TOO_FEW_LINKS = re.compile(r"HNSW[01](?!\d)")


def check_factory(factory: str, dimensions: int, passages: int) -> None:
    """Whether FAISS makes the index that a factory string names, and can train it on so many passages.

    Takes well under a second. An index that needs no training is filled with a few vectors and searched.

    Args:
        factory: `retrieval.index_factory`.
        dimensions: Of the encoder's vectors.
        passages: Of the corpus.

    Raises:
        DataError: it cannot; names `retrieval.index_factory`, what it needs and what to write instead.
    """
    index = make_index(factory, dimensions)
    for transform in _transforms(index):
        if transform.d_out > transform.d_in:
            problem = (
                f"{factory!r} asks {_kind(transform)} for {transform.d_out:,} dimensions of the"
                f" {transform.d_in:,} that it gets: write at most {transform.d_in}"
            )
            raise DataError(problem, "params", field="retrieval.index_factory")
    needed = training_needs(index)
    given = len(training_positions(passages))
    if needed > given:
        clusters = max(1, given // ADVISED_A_CLUSTER)
        problem = (
            f"{factory!r} is trained on at least {needed:,} passages, and of the corpus's {passages:,} it"
            f" gets {given:,}: write Flat, which is exact and needs none, or at most IVF{clusters},SQ8"
            f" ({ADVISED_A_CLUSTER} a cluster)"
        )
        raise DataError(problem, "params", field="retrieval.index_factory")
    if index.is_trained:
        vectors = np.cos(np.arange(min(passages, _TRIED) * dimensions, dtype=np.float32)).reshape(
            -1, dimensions
        )
        with naming_faiss(factory):
            index.add(vectors)
            index.search(vectors[:1], 1)


def make_index(factory: str, dimensions: int) -> faiss.Index:
    """The empty index of a factory string, for inner products.

    Raises:
        DataError: FAISS knows no such index.
    """
    with naming_faiss(factory):
        if _TOO_FEW_LINKS.search(factory):
            # FAISS ends the process, or never returns
            raise ValueError("HNSW needs at least 2 links a vector")
        if "NSG" in factory:  # nor is it safe from ending the process where vectors are few
            raise ValueError("the graph of NSG does not grow with its vectors, that of HNSW does")
        return faiss.index_factory(dimensions, factory, faiss.METRIC_INNER_PRODUCT)


def set_search(index: faiss.Index, parameters: str | None, on_gpu: bool = False) -> None:
    """Set how thoroughly an index is searched.

    Args:
        index: Of a kind that has these parameters.
        parameters: `retrieval.index_search`: names and positive numbers as FAISS takes them, `nprobe=64`.
        on_gpu: Whether the index is there.

    Raises:
        DataError: the index has no such parameter, or the number is none.
    """
    if parameters is None:
        return
    try:
        if not _SEARCH.fullmatch(parameters):
            raise ValueError("expected a name and a positive number, as nprobe=64")
        made: Any = faiss  # the stub lacks both
        space = made.GpuParameterSpace() if on_gpu else made.ParameterSpace()
        space.set_index_parameters(index, parameters)
    except (RuntimeError, ValueError) as error:
        problem = f"{parameters!r}: {faiss_reason(error)}; null always works"
        raise DataError(problem, "params", field="retrieval.index_search") from None


def training_positions(passages: int) -> range:
    """The positions of the passages that an index is trained on."""
    return range(0, passages, max(1, -(-passages // TRAINING_PASSAGES)))


def training_needs(index: faiss.Index) -> int:
    """Vectors without which training fails: as many as the largest of its clusterings has centroids, or a
    transform's result dimensions; 0 for none.
    """
    made: Any = faiss.downcast_index(index)
    needs = [training_needs(part) for part in _parts(made, quantizers=False)]
    if isinstance(made, faiss.IndexIVF):
        needs.append(made.nlist)
    if not made.is_trained:
        needs += [2 ** int(bits) for bits in _code_bits(made)]
    chain = _chain(made)
    needs += [256 for transform in chain if isinstance(transform, faiss.OPQMatrix)]  # its quantiser's codes
    needs += [transform.d_out for transform in chain if isinstance(transform, _REDUCING)]
    return max(needs, default=0)


@contextmanager
def naming_faiss(factory: str) -> Iterator[None]:
    """Around calls of FAISS on the index of this factory: its errors are one line that names the parameter.

    Raises:
        DataError: FAISS raised anything.
    """
    try:
        yield
    except DataError:
        raise
    except (
        Exception
    ) as error:  # RuntimeError of its own code; AssertionError, IndexError or MemoryError of what wraps it
        problem = f"FAISS cannot make {factory!r}: {faiss_reason(error)}; Flat always works"
        raise DataError(problem, "params", field="retrieval.index_factory") from None


def faiss_reason(error: Exception) -> str:
    """What an error of FAISS says, without the signature of the function that it comes from."""
    text = " ".join(str(error).split()) or type(error).__name__
    return re.split(r"Error: | failed: | at \S+:\d+: (?:\w+::\w+:)?", text)[-1]


def _parts(index: Any, quantizers: bool = True) -> list[Any]:
    """The indexes that an index is put together of; a quantizer is trained on centroids, not on passages."""
    names = ["index", "base_index", "refine_index", "storage"] + ["quantizer"] * quantizers
    parts = (getattr(index, name, None) for name in names)
    return [faiss.downcast_index(part) for part in parts if isinstance(part, faiss.Index)]


def _chain(index: Any) -> list[Any]:
    """What is done to vectors before an index gets them."""
    if not isinstance(index, faiss.IndexPreTransform):
        return []
    links: Any = index.chain
    return [faiss.downcast_VectorTransform(links.at(place)) for place in range(links.size())]


def _transforms(index: Any) -> Iterator[Any]:
    """All transforms, in whichever part of an index, that are trained to keep what varies most."""
    made = faiss.downcast_index(index)
    yield from (transform for transform in _chain(made) if isinstance(transform, _REDUCING))
    for part in _parts(made):
        yield from _transforms(part)


def _kind(transform: Any) -> str:
    return "PCA" if isinstance(transform, faiss.PCAMatrix) else "ITQ"


def _code_bits(index: Any) -> list[int]:
    """Bits of each code of a product or additive quantiser; 2 to this power are its centroids."""
    if isinstance(index, faiss.IndexScalarQuantizer | faiss.IndexIVFScalarQuantizer):
        return []
    if hasattr(index, "pq"):
        return [index.pq.nbits]
    additive = next(
        (getattr(index, name) for name in ("rq", "lsq", "prq", "plsq", "aq") if hasattr(index, name)), None
    )
    return [] if additive is None else list(faiss.vector_to_array(additive.nbits))
