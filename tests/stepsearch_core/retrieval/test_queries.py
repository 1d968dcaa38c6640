from stepsearch_core.base.types import Hop, Question
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.queries import Query, found, question_queries, rank, sub_question_queries


def test_queries_of_questions_with_the_places_of_their_supports(make_corpus):
    corpus = make_corpus(["apple pie", "pear cake"])
    pie, cake = (corpus[place].id for place in range(2))
    hops = (
        Hop("apple", "", (pie,)),
        Hop("", "", (cake,)),
        Hop("cake", "", (cake, "0" * 16)),
        Hop("jam", ""),
    )
    asked = [
        Question("1", "musique", "test", "apple cake", ("a",), hops),
        Question("2", "b", "test", "jam", ("a",)),
    ]
    assert sub_question_queries(corpus, asked) == [
        Query("apple", frozenset({0}), 1),
        Query("cake", frozenset({1, -1}), 3),
    ]
    assert question_queries(corpus, asked) == [Query("apple cake", frozenset({0, 1, -1}))]


def test_a_query_finds_all_that_it_should_or_nothing(make_corpus, tmp_path):
    index = BM25Index.build(
        make_corpus(["apple pie", "apple tart", "pear cake"]), RetrievalParams(), tmp_path
    )
    queries = [Query("apple", frozenset({0, 1})), Query("pear", frozenset({2, -1}))]
    first, second = rank(index, queries, 3)
    assert [found(queries[0], first, depth) for depth in (1, 2, 3)] == [False, True, True]
    assert not found(queries[1], second, 3)
    assert rank(index, [], 3) == []
