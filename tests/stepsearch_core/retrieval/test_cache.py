import pickle
import sqlite3
import subprocess
import sys

import pytest
from diskcache import Cache
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.retrieval.cache import CachedRanker
from stepsearch_core.retrieval.retriever import RetrievalError


class Numbered:
    """Ranks by the length of a query, and counts what it is asked."""

    def __init__(self):
        self.asked = []

    def rank(self, queries, k):
        self.asked += queries
        return [[(len(query) + place, 1 / (3 + place)) for place in range(k)] for query in queries]


class Down:
    def rank(self, queries, k):
        raise RetrievalError("down")


class Given:
    ranking = ()

    def rank(self, queries, k):
        return [self.ranking for _ in queries]


@pytest.fixture
def ranker():
    return Numbered()


def test_what_was_found_is_not_searched_again_and_comes_back_to_the_last_bit(ranker, tmp_path):
    queries = ["cat", "", "cat", "d\0g", "\u00e9"]
    found = CachedRanker(ranker, tmp_path, "index", 1).rank(queries, 3)
    assert ranker.asked == ["cat", "", "d\0g", "\u00e9"]  # each once
    assert found == Numbered().rank(queries, 3)
    later = CachedRanker(Down(), tmp_path, "index", 1)
    assert later.rank(queries, 3) == found
    assert later.known([*queries, "bird"], 3) == [*found, None]
    assert CachedRanker(ranker, tmp_path, "index", 1).rank(["bird", "cat"], 3) == [
        ranker.rank(["bird"], 3)[0],
        found[0],
    ]


@pytest.mark.parametrize(
    ("index", "query", "k"), [("other", "cat", 3), ("index", "cats", 3), ("index", "cat", 2)]
)
def test_another_index_query_or_k_is_searched(ranker, tmp_path, index, query, k):
    CachedRanker(ranker, tmp_path, "index", 1).rank(["cat"], 3)
    with pytest.raises(RetrievalError):
        CachedRanker(Down(), tmp_path, index, 1).rank([query], k)


def test_a_query_that_finds_nothing_is_kept_and_one_that_fails_is_not(tmp_path):
    class Nothing:
        def rank(self, queries, k):
            return [[] for _ in queries]

    with pytest.raises(RetrievalError):
        CachedRanker(Down(), tmp_path, "index", 1).rank(["cat"], 3)
    assert CachedRanker(Down(), tmp_path, "index", 1).known(["cat"], 3) == [None]
    CachedRanker(Nothing(), tmp_path, "index", 1).rank(["cat"], 3)
    assert CachedRanker(Down(), tmp_path, "index", 1).rank(["cat"], 3) == [[]]


def test_a_cache_stays_within_its_size_and_the_oldest_entries_go(ranker, tmp_path):
    cached = CachedRanker(ranker, tmp_path, "index", 1e-3)
    queries = [f"query {number}" for number in range(6000)]
    for start in range(0, 6000, 100):
        cached.rank(queries[start : start + 100], 10)
    assert (tmp_path / "cache.db").stat().st_size < 1.3e6
    kept = [query for query, ranking in zip(queries, cached.known(queries, 10), strict=True) if ranking]
    assert len(kept) > 1000
    assert kept == queries[-len(kept) :]


SEARCHES = """
import sys
from tests.stepsearch_core.retrieval.test_cache import Numbered
from stepsearch_core.retrieval.cache import CachedRanker
cached = CachedRanker(Numbered(), sys.argv[1], "index", 1)
for number in range(100000):
    cached.rank([f"{sys.argv[2]} {number}", f"both {number}"], 3)
    print(number, flush=True)
"""


@pytest.mark.slow
def test_processes_share_a_cache_and_one_that_is_killed_leaves_whole_entries(tmp_path):
    command = [sys.executable, "-c", SEARCHES, str(tmp_path)]
    workers = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in ("one", "two")
    ]
    last = [[int(worker.stdout.readline()) for _ in range(50)][-1] for worker in workers]
    for worker in workers:
        worker.kill()
        worker.wait()
    assert last == [49, 49]
    queries = [f"{name} {number}" for name in ("one", "two", "both") for number in range(50)]
    assert CachedRanker(Down(), tmp_path, "index", 1).rank(queries, 3) == Numbered().rank(queries, 3)


def test_what_others_wrote_is_never_unpickled_and_searched_anew(ranker, tmp_path):
    cached = CachedRanker(ranker, tmp_path, "index", 1)
    found = cached.rank(["cat"], 3)
    for value in (["a list"], pickle.dumps([]), b"1234567", b"", bytes(24), b"x" * 48, "text", 5):
        with Cache(str(tmp_path)) as entries:
            [key] = entries
            entries[key] = value
        assert cached.known(["cat"], 3) == [None]
        assert cached.rank(["cat"], 3) == found


def test_a_damaged_entry_or_another_keys_is_searched_anew_and_replaced(ranker, tmp_path):
    cached = CachedRanker(ranker, tmp_path, "index", 1)
    found = cached.rank(["cat", "horse"], 3)
    with Cache(str(tmp_path)) as entries:
        whole = {key: entries[key] for key in entries}
    (one, entry), (other, _) = whole.items()
    for key, damaged in ((other, entry), *((one, _flipped(entry, place)) for place in range(len(entry)))):
        with Cache(str(tmp_path)) as entries:
            entries[key] = damaged
        assert cached.known(["cat", "horse"], 3).count(None) == 1
        assert cached.rank(["cat", "horse"], 3) == found
        assert cached.known(["cat", "horse"], 3) == found


def _flipped(entry, place):
    return entry[:place] + bytes([entry[place] ^ 1]) + entry[place + 1 :]


def test_a_cache_that_fails_costs_time_only_and_says_so_once(ranker, tmp_path, caplog):
    cached = CachedRanker(ranker, tmp_path, "index", 1)
    with sqlite3.connect(tmp_path / "cache.db") as database:
        database.execute("DROP TABLE Cache")
    assert [cached.rank(["cat"], 3) for _ in range(3)] == [Numbered().rank(["cat"], 3)] * 3
    assert len(caplog.records) == 1


def test_a_folder_that_can_hold_no_cache_is_one_line(ranker, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file: cannot hold a cache"):
        CachedRanker(ranker, tmp_path / "file", "index", 1)
    (tmp_path / "cache.db").write_bytes(b"something else" * 100)
    with pytest.raises(DataError, match=r"cannot hold a cache: file is not a database"):
        CachedRanker(ranker, tmp_path, "index", 1)


def test_any_ranking_comes_back(tmp_path):
    cached = CachedRanker(Given(), tmp_path, "index", 1)

    @given(st.lists(st.tuples(st.integers(0, 2**62), st.floats(allow_nan=False)), max_size=5))
    def check(ranking):
        Given.ranking = ranking
        query = repr(ranking)
        assert cached.rank([query], 5) == cached.known([query], 5) == [ranking]

    check()
