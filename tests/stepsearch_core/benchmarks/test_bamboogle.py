import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.bamboogle import read_example
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row


@pytest.mark.parametrize(
    ("value", "answers"),
    [
        ({"Question": "Who?", "Answer": "Bob Ray"}, ("Bob Ray",)),
        ({"question": "Who?", "answer": "Bob Ray"}, ("Bob Ray",)),
        (
            {"id": "test_3", "question": "Who?", "golden_answers": ["Bob Ray", "", "Bob Ray", "Bob"]},
            ("Bob Ray", "Bob"),
        ),
    ],
)
def test_all_columns_that_are_published(value, answers):
    question = read_example(Row("x", value), 7, "test", Account("x")).question
    assert (question.id, question.question, question.answers, question.hops) == (
        "bamboogle_7",
        "Who?",
        answers,
        (),
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"Question": "", "Answer": "b"}, "field 'Question': empty"),
        ({"Answer": "b"}, "field 'question': missing"),
        ({"Question": "a"}, "field 'answer': missing"),
        ({"question": "a", "golden_answers": []}, "field 'golden_answers': empty"),
        ({"question": "a", "golden_answers": "b"}, "field 'golden_answers': expected a list"),
    ],
)
def test_damage_is_named(value, problem):
    with pytest.raises(DataError, match=problem):
        read_example(Row("x", value), 0, "test", Account("x"))
