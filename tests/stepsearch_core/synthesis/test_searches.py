from stepsearch_core.synthesis.searches import Search, search_all
from tests.stepsearch_core.synthesis.conftest import Table, everything


def test_every_query_is_searched_once_in_batches():
    retriever = Table({"q3": ("p1", "p2", "p3")})
    found = search_all(retriever, (f"q{i % 600}" for i in range(1200)), 2, "test", everything)
    assert [len(batch) for batch, _ in retriever.asked] == [512, 88]
    assert {k for _, k in retriever.asked} == {2}
    assert found["q3"] == Search(("p1", "p2"), frozenset({"p1", "p2"}))
    assert found["q4"] == Search((), frozenset())
    assert len(found) == 600


def test_what_is_not_shown_is_found_all_the_same():
    found = search_all(Table({"a": ("p1", "p2")}), ["a"], 2, "test", lambda passages: [passages[0].id])
    assert found == {"a": Search(("p1", "p2"), frozenset({"p1"}))}
