import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from tests.oracles.bm25 import scores as oracle_scores

WORDS = ["cat", "dog", "bird", "fish", "the"]


def ranks(corpus, folder, query, k=10, **values):
    """The ranking by an index as built, after checking that the saved one ranks alike."""
    params = RetrievalParams(**values)
    built = BM25Index.build(corpus, params, folder).rank([query], k)
    assert BM25Index.open(folder, params).rank([query], k) == built
    return built[0]


def test_scores_worked_by_hand(make_corpus, tmp_path):
    corpus = make_corpus(["cat sat", "cat cat dog", "bird"])
    # idf = ln(1 + (3 - 2 + .5) / (2 + .5)) = .470004; mean length 2
    # "cat sat": 1 / (1 + 1.5 * 1) = .4; "cat cat dog": 2 / (2 + 1.5 * (.25 + .75 * 1.5)) = .492308
    ranking = ranks(corpus, tmp_path, "cat", bm25_k1=1.5, bm25_b=0.75)
    assert [position for position, _ in ranking] == [1, 0]
    assert [score for _, score in ranking] == pytest.approx([0.231387, 0.188001], abs=1e-6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), min_size=1, max_size=8, unique_by=tuple
    ),
    st.lists(st.sampled_from([*WORDS, "unknown"]), max_size=4),
    st.sampled_from([(1.5, 0.75), (0.9, 0.4), (2.0, 0.0)]),
)
def test_scores_are_those_of_the_formula(make_corpus, tmp_path, documents, query, settings_):
    texts = [" ".join(document) for document in documents]
    wanted = oracle_scores(" ".join(query), texts, *settings_)
    ranking = ranks(make_corpus(texts), tmp_path, " ".join(query), bm25_k1=settings_[0], bm25_b=settings_[1])
    assert dict(ranking) == pytest.approx(
        {p: score for p, score in enumerate(wanted) if score > 0}, abs=1e-5
    )
    assert ranking == sorted(ranking, key=lambda hit: (-hit[1], hit[0]))


def test_title_and_text_are_searched(make_corpus, tmp_path):
    corpus = make_corpus([("Lovelace", "She wrote notes."), ("Babbage", "He wrote letters.")])
    assert [position for position, _ in ranks(corpus, tmp_path, "LOVELACE")] == [0]
    assert [position for position, _ in ranks(corpus, tmp_path, "letters")] == [1]


@pytest.mark.parametrize("query", ["", "  ", "?!", "nothing like it", "a"])
def test_a_query_that_matches_nothing_finds_nothing(make_corpus, tmp_path, query):
    assert ranks(make_corpus(["cat sat", "dog"]), tmp_path, query) == []


def test_no_queries_and_more_hits_than_passages(make_corpus, tmp_path):
    index = BM25Index.build(make_corpus(["cat sat", "dog"]), RetrievalParams(), tmp_path)
    assert index.rank([], 3) == []
    assert [len(ranking) for ranking in index.rank(["cat", "sat dog"], 10)] == [1, 2]


def test_stop_words_are_left_out_of_passages_and_queries(make_corpus, tmp_path):
    corpus = make_corpus(["the cat", "the dog"])
    assert len(ranks(corpus, tmp_path, "the cat")) == 2
    assert [position for position, _ in ranks(corpus, tmp_path, "the cat", stopwords="en")] == [0]
    assert ranks(corpus, tmp_path, "the", stopwords="en") == []


def test_a_stop_word_is_cut_into_words_as_texts_are(make_corpus, tmp_path):
    assert ranks(make_corpus(["¿Qué es esto?", "Qué gato"]), tmp_path, "QUE\u0301", stopwords="es") == []


def test_equal_passages_come_in_the_order_of_the_corpus(make_corpus, tmp_path):
    corpus = make_corpus([f"cat number{number}" for number in range(50)])
    assert [position for position, _ in ranks(corpus, tmp_path, "cat", k=5)] == [0, 1, 2, 3, 4]


def test_an_unknown_list_of_stop_words_is_named(make_corpus, tmp_path):
    with pytest.raises(DataError, match=r"^params: field 'retrieval\.stopwords': xx not recognized"):
        BM25Index.build(make_corpus(["cat"]), RetrievalParams(stopwords="xx"), tmp_path)


def test_a_corpus_without_a_word_is_named(make_corpus, tmp_path):
    with pytest.raises(
        DataError, match=r"^params: field 'retrieval': no passage of the corpus holds a word"
    ):
        BM25Index.build(make_corpus(["?!", "…"]), RetrievalParams(), tmp_path)
