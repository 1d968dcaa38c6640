import pytest

from stepsearch_core.text import count_references, resolve_references


@pytest.mark.parametrize(
    ("sub_question", "answers", "resolved", "counts"),
    [
        ("#9 Dream >> performer", [], "#9 Dream >> performer", (1, 0)),
        ("#9 Dream >> performer", ["a"] * 8, "#9 Dream >> performer", (1, 0)),
        ("#0 >> x", ["a"], "#0 >> x", (0, 0)),
        ("#1 >> spouse", ["Ann"], "Ann >> spouse", (0, 0)),
        ("#12 >> spouse", ["Ann"], "#12 >> spouse", (1, 0)),
        ("#" + "1" * 5000, ["Ann"], "#" + "1" * 5000, (0, 0)),
        ("where did #1 meet #2 ?", ["Ann", "Bob"], "where did Ann meet Bob ?", (0, 0)),
        ("where did #1 meet #2 ?", ["Ann"], "where did Ann meet #2 ?", (1, 0)),
        ("#1's mother", ["Ann"], "Ann's mother", (0, 0)),
        ("arrondissement of #1 >> country", ["Brest"], "arrondissement of Brest >> country", (0, 0)),
        ("#1 Hits >> performer", ["Ann"], "Ann Hits >> performer", (0, 1)),
        ("who sang the #1 hit of 1970", ["Ann"], "who sang the Ann hit of 1970", (0, 1)),
        ("who lives in the #1 ?", ["USA"], "who lives in the USA ?", (0, 0)),
        ("C#1 minor", ["Ann"], "CAnn minor", (0, 1)),
        ("#1 or #1", ["#2"], "#2 or #2", (0, 0)),
    ],
)
def test_references_are_replaced_where_there_is_such_a_step(sub_question, answers, resolved, counts):
    assert resolve_references(sub_question, answers) == resolved
    assert count_references(sub_question, answers) == counts
