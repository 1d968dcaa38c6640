import pytest

from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.remembered import RememberedSearches
from stepsearch_core.retrieval.retriever import CorpusRetriever, RetrievalError


class Down:
    """A retriever that finds nothing out any more."""

    def search(self, queries, k):
        raise RetrievalError("down")


@pytest.fixture
def parts(make_corpus, tmp_path):
    corpus = make_corpus(["cat sat", "dog ran", "cat and dog"])
    (tmp_path / "bm25").mkdir()
    retriever = CorpusRetriever(BM25Index.build(corpus, RetrievalParams(), tmp_path / "bm25"), corpus)
    return corpus, retriever, tmp_path / "work"


def test_what_was_found_once_is_not_searched_again(parts):
    corpus, retriever, work = parts
    queries = ["cat", "dog cat", "bird"]
    found = RememberedSearches(retriever, corpus, work).search(queries, 2)
    assert found == retriever.search(queries, 2)
    assert RememberedSearches(Down(), corpus, work).search(queries, 2) == found  # scores to the last bit


@pytest.mark.parametrize("call", [(["cat"], 3), (["dog"], 2), (["cat", "dog"], 2)])
def test_another_call_is_searched(parts, call):
    corpus, retriever, work = parts
    RememberedSearches(retriever, corpus, work).search(["cat"], 2)
    with pytest.raises(RetrievalError):
        RememberedSearches(Down(), corpus, work).search(*call)


def test_a_failed_search_leaves_no_part(parts):
    corpus, _, work = parts
    with pytest.raises(RetrievalError):
        RememberedSearches(Down(), corpus, work).search(["cat"], 2)
    assert not list(work.glob("*"))
