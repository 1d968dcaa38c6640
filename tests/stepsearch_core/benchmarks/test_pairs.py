from functools import partial

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Hop
from stepsearch_core.benchmarks import pairs
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row
from tests.stepsearch_core.benchmarks.rows_of_formats import QA

read_example = partial(pairs.read_example, "bamboogle")


@pytest.mark.parametrize(
    ("value", "answers"),
    [
        ({"Question": "Who?", "Answer": "Bob Ray"}, ("Bob Ray",)),
        ({"question": "Who?", "answer": "Bob Ray"}, ("Bob Ray",)),
        ({"question": "Who?", "answer": ["Bob Ray", "Bob"]}, ("Bob Ray", "Bob")),
        ({"question": "Who?", "answer": {"value": "Bob Ray", "aliases": ["Bob"]}}, ("Bob Ray", "Bob")),
        ({"question": "Who?", "possible_answers": '["Bob Ray", "Bob"]'}, ("Bob Ray", "Bob")),
        (
            {"question": "Who?", "golden_answers": ["Bob Ray", "", "Bob Ray", "Bob"]},
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
        ({"question": "a", "answer": [" "]}, "field 'answer': empty"),
        ({"question": "a", "answer": {"value": "b"}}, r"field 'answer\.aliases': missing"),
        ({"question": "a", "possible_answers": "b"}, "field 'possible_answers': expected a list"),
        ({"question": "a", "golden_answers": "b"}, "field 'golden_answers': expected a list"),
    ],
)
def test_damage_is_named(value, problem):
    with pytest.raises(DataError, match=problem):
        read_example(Row("x", value), 0, "test", Account("x"))


RIVER, ANN = (passage_id(step["title"], step["text"]) for step in QA["steps"])


def read(**changes):
    row = {key: value for key, value in {**QA, **changes}.items() if value is not None}
    return pairs.read_example("qa", Row("x", row), 7, "train", Account("x"))


def test_a_question_of_ones_own_may_bring_its_steps_or_only_its_supports():
    whole = read()
    assert (whole.question.id, whole.question.dataset) == ("own1", "qa")
    assert whole.question.hops == (
        Hop("Who wrote Dark River?", "Ann Lee", (RIVER,)),
        Hop("Who married Ann Lee?", "Bob Ray", (ANN,)),
    )
    assert [passage.title for passage in whole.context] == ["Dark River", "Ann Lee"]
    supports = [{"title": step["title"], "text": step["text"]} for step in QA["steps"]]
    bare = read(steps=None, supports=supports)
    assert bare.question.hops == (Hop("", "", (RIVER,)), Hop("", "", (ANN,)))
    assert bare.context == whole.context


@pytest.mark.parametrize("nothing", [None, " "])
def test_what_a_table_holds_for_nothing_is_nothing(nothing):
    row = {**QA, "id": nothing, "steps": nothing, "supports": nothing, "golden_answers": nothing}
    question = pairs.read_example("qa", Row("x", row), 7, "train", Account("x")).question
    assert (question.id, question.hops, question.answers) == ("qa_train_7", (), ("Bob Ray",))


def test_neither_id_nor_steps_are_needed():
    question = read(id=None, steps=None).question
    assert (question.id, question.hops) == ("qa_train_7", ())
    assert read(id=12).question.id == "12"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"steps": []}, "field 'steps': empty"),
        ({"steps": [{"question": "Who?", "answer": "Ann"}]}, r"field 'steps\[0\]\.title': missing"),
        ({"steps": None, "supports": [{"title": "A"}]}, r"field 'supports\[0\]\.text': missing"),
        ({"id": 3.5}, "field 'id': expected text"),
        ({"id": True}, "field 'id': expected text"),
    ],
)
def test_damage_of_steps_and_supports_is_named(changes, problem):
    with pytest.raises(DataError, match=problem):
        read(**changes)
