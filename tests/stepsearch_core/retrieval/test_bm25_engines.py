"""What holds for every BM25 engine."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import words
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.bm25_engines import bm25_engine
from stepsearch_core.retrieval.bm25_tantivy import TantivyIndex
from tests.oracles.bm25 import scores as oracle_scores
from tests.stepsearch_core.base.test_scripts import TEXTS

WORDS = ["cat", "dog", "bird", "fish", "the"]
SYNTAX = ['"cat', "cat:", "(dog)", "-bird", "+fish", "NOT", "cat^3", "[a TO z]", "c*t", "d~2", "\\", "鍵"]


@pytest.fixture(params=["bm25s", "tantivy"])
def engine(request):
    """Parameters with which both engines have the same formula."""
    return {"bm25_engine": request.param, "bm25_k1": 1.2}


def ranks(corpus, folder, query, k=10, **values):
    """The ranking by an index as built, after checking that the saved one ranks alike."""
    params = RetrievalParams(**values)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        built = bm25_engine(params).build(corpus, params, Path(name)).rank([query], k)
        assert bm25_engine(params).open(Path(name), params).rank([query], k) == built
    return built[0]


def positions(ranking):
    return [position for position, _ in ranking]


def test_a_parameter_chooses():
    assert bm25_engine(RetrievalParams()) is BM25Index
    assert bm25_engine(RetrievalParams(bm25_engine="tantivy")) is TantivyIndex


def test_scores_worked_by_hand(make_corpus, tmp_path, engine):
    corpus = make_corpus(["cat sat", "cat cat dog", "bird"])
    # idf = ln(1 + (3 - 2 + .5) / (2 + .5)) = .470004; mean length 2
    # "cat sat": 1 / (1 + 1.2 * 1) = .454545; "cat cat dog": 2 / (2 + 1.2 * (.25 + .75 * 1.5)) = .547945
    ranking = ranks(corpus, tmp_path, "cat", **engine)
    assert positions(ranking) == [1, 0]
    assert [score for _, score in ranking] == pytest.approx([0.257536, 0.213638], abs=1e-6)


DOCUMENTS = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), min_size=1, max_size=8, unique_by=tuple
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DOCUMENTS, st.lists(st.sampled_from([*WORDS, "unknown"]), max_size=6), st.integers(1, 10))
def test_scores_and_places_are_those_of_the_formula(make_corpus, tmp_path, engine, documents, query, k):
    texts = [" ".join(document) for document in documents]
    scores = oracle_scores(" ".join(query), texts, 1.2, 0.75)
    wanted = sorted(
        (p for p, score in enumerate(scores) if score > 0), key=lambda p: (-round(scores[p], 9), p)
    )
    ranking = ranks(make_corpus(texts), tmp_path, " ".join(query), k, **engine)
    assert positions(ranking) == wanted[:k]
    assert [score for _, score in ranking] == pytest.approx([scores[p] for p in wanted[:k]], abs=1e-5)


def test_title_and_text_are_searched(make_corpus, tmp_path, engine):
    corpus = make_corpus([("Lovelace", "She wrote notes."), ("Babbage", "He wrote letters.")])
    assert positions(ranks(corpus, tmp_path, "LOVELACE", **engine)) == [0]
    assert positions(ranks(corpus, tmp_path, "letters", **engine)) == [1]


def test_words_of_every_script_are_found(make_corpus, tmp_path, engine):
    params = RetrievalParams(**engine)
    texts = [text for passage, _, other in TEXTS.values() for text in (passage, other)]
    (tmp_path / "index").mkdir()
    index = bm25_engine(params).build(make_corpus(texts), params, tmp_path / "index")
    found = index.rank([query for _, query, _ in TEXTS.values()], 1)
    assert [position for ((position, _),) in found] == list(range(0, len(texts), 2))


@pytest.mark.parametrize("query", ["", "  ", "?!", "nothing like it", "a"])
def test_a_query_that_matches_nothing_finds_nothing(make_corpus, tmp_path, engine, query):
    assert ranks(make_corpus(["cat sat", "dog"]), tmp_path, query, **engine) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*WORDS, *SYNTAX]), max_size=8))
def test_a_query_is_its_words_whatever_signs_it_holds(indexed, query):
    plain = " ".join(words(" ".join(query)))
    assert indexed.rank([" ".join(query)], 5) == indexed.rank([plain], 5)


@pytest.fixture
def indexed(make_corpus, tmp_path, engine):
    corpus = make_corpus(
        ["the cat and not a", "dog or ключ 鍵", "bird to z", "fish words position near 0 3"]
    )
    params = RetrievalParams(**engine)
    (tmp_path / "index").mkdir()
    return bm25_engine(params).build(corpus, params, tmp_path / "index")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_any_text_is_a_query(indexed, query):
    assert indexed.rank([query], 3) == indexed.rank([" ".join(words(query))], 3)


def test_no_queries_and_more_hits_than_passages(make_corpus, tmp_path, engine):
    params = RetrievalParams(**engine)
    index = bm25_engine(params).build(make_corpus(["cat sat", "dog"]), params, tmp_path)
    assert index.rank([], 3) == []
    assert [len(ranking) for ranking in index.rank(["cat", "sat dog"], 10**9)] == [1, 2]


def test_stop_words_are_left_out_of_passages_and_queries(make_corpus, tmp_path, engine):
    corpus = make_corpus(["the cat", "the dog"])
    assert len(ranks(corpus, tmp_path, "the cat", **engine)) == 2
    assert positions(ranks(corpus, tmp_path, "the cat", stopwords="en", **engine)) == [0]
    assert ranks(corpus, tmp_path, "the", stopwords="en", **engine) == []


def test_equal_passages_come_in_the_order_of_the_corpus(make_corpus, tmp_path, engine):
    corpus = make_corpus([f"cat number{number}" for number in range(50)])
    assert positions(ranks(corpus, tmp_path, "cat", k=5, **engine)) == [0, 1, 2, 3, 4]


def test_a_corpus_without_a_word_is_named(make_corpus, tmp_path, engine):
    with pytest.raises(
        DataError, match=r"^params: field 'retrieval': no passage of the corpus holds a word"
    ):
        ranks(make_corpus(["?!", "…"]), tmp_path, "cat", **engine)
