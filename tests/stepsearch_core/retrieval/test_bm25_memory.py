import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.retrieval.bm25_memory import BUILD_BYTES, admit_bm25


def test_what_does_not_fit_is_refused_with_both_numbers():
    needed = 21_015_324 * BUILD_BYTES["bm25s"]
    admit_bm25("bm25s", 21_015_324, needed)
    wanted = (
        rf"'retrieval\.bm25_engine': bm25s takes {needed / 1e9:.1f} GB of main memory to index 21,015,324"
        r" passages, and there are 24\.0 GB: retrieval\.bm25_engine=tantivy"
    )
    with pytest.raises(DataError, match=wanted):
        admit_bm25("bm25s", 21_015_324, 24 * 10**9)


def test_tantivy_needs_no_more_for_more_passages():
    admit_bm25("tantivy", 10**12, 10**9)
