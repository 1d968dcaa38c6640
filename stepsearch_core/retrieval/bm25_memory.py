"""The memory that bm25s takes to build an index, worked out before any work, and the refusal."""

from __future__ import annotations

from stepsearch_core.base.errors import DataError

BUILD_BYTES = {"bm25s": 3_700, "tantivy": 0}
"""Of a passage of 100 words, by `retrieval.bm25_engine` (`python -m perf retrieval_build`)."""


def admit_bm25(engine: str, passages: int, memory: int) -> None:
    """Make sure that BM25 of so many passages can be built.

    Args:
        engine: `retrieval.bm25_engine`.
        passages: Of the corpus, taken to be of 100 words.
        memory: Bytes of main memory that there are.

    Raises:
        DataError: they do not do; names what is needed and what there is.
    """
    needed = BUILD_BYTES[engine] * passages
    if needed > memory:
        problem = (
            f"{engine} takes {needed / 1e9:.1f} GB of main memory to index {passages:,} passages, and there"
            f" are {memory / 1e9:.1f} GB: retrieval.bm25_engine=tantivy retrieval.bm25_k1=1.2 needs less"
        )
        raise DataError(problem, "params", field="retrieval.bm25_engine")
