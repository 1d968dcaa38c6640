import json
from enum import StrEnum

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.row import Row


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


def row(**value):
    return Row("file.jsonl, line 3", value)


def test_a_field_error_names_place_and_field():
    with pytest.raises(DataError, match=r"^file\.jsonl, line 3: field 'question': missing$"):
        row().text("question")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (3, "expected text, found int"),
        (None, "found NoneType"),
        (" \n", "empty"),
        ("\ud800", "not Unicode text"),
    ],
)
def test_text_is_a_string_that_says_something(value, problem):
    with pytest.raises(DataError, match=problem):
        row(question=value).text("question")


def test_text_is_stripped_and_strings_are_not():
    assert row(a=" Rome ").text("a") == "Rome"
    assert row(a=[" She sang.", ""]).strings("a") == (" She sang.", "")


def test_true_is_no_integer():
    assert row(idx=7).integer("idx") == 7
    with pytest.raises(DataError, match="expected an integer, found bool"):
        row(idx=True).integer("idx")


@pytest.mark.parametrize("encode", [json.dumps, repr, lambda value: value], ids=["json", "python", "list"])
def test_lists_may_come_as_the_text_of_a_list(encode):
    value = [['Ann\'s "song"', ["One.", " Two."]], ["Rome", []]]
    assert row(context=encode(value)).items("context") == value


@pytest.mark.parametrize("text", ["[1, 2", "{'a': 1}", "import os", "", "[" * 100_000, "9" * 5000])
def test_text_that_is_no_list_is_an_error(text):
    with pytest.raises(DataError, match="field 'context': expected a list, found str"):
        row(context=text).items("context")


def test_nested_rows_name_the_path_to_a_field():
    nested = row(steps=[{"answer": "Rome"}, {"answer": 1}]).objects("steps")
    with pytest.raises(DataError, match=r"field 'steps\[1\]\.answer': expected text"):
        nested[1].text("answer")
    pairs = row(facts=[["Rome", 0]]).tuples("facts", ("title", "sentence"))
    with pytest.raises(DataError, match=r"field 'facts\[0\]\.sentence': expected text"):
        pairs[0].text("sentence")


@pytest.mark.parametrize("item", ["Rome", ["Rome"], ["Rome", 0, 1], None])
def test_tuples_have_one_element_for_each_name(item):
    with pytest.raises(DataError, match=r"field 'facts\[0\]': expected a list of 2 \(title, sentence\)"):
        row(facts=[item]).tuples("facts", ("title", "sentence"))


@pytest.mark.parametrize(
    ("read", "value", "other"),
    [
        ("number", 2, "text"),
        ("number", 2.5, "text"),
        ("flag", False, 0),
        ("flag", True, None),
        ("object", {"a": 1}, [1]),
        ("number", -1, True),
    ],
)
def test_a_field_has_the_type_that_is_asked_for(read, value, other):
    found = getattr(row(field=value), read)("field")
    assert (found.value if read == "object" else found) == value
    assert type(found) is type(value) or read == "object"
    with pytest.raises(DataError, match=f"field 'field': expected .*, found {type(other).__name__}"):
        getattr(row(field=other), read)("field")


def test_a_choice_is_a_member_of_an_enumeration():
    assert row(colour="green").choice(Colour, "colour") is Colour.GREEN
    with pytest.raises(DataError, match="field 'colour': 'blue' is not one of 'red', 'green'"):
        row(colour="blue").choice(Colour, "colour")


def test_null_is_none_where_it_may_be_and_nothing_else_is():
    value = row(empty=None, number=3)
    assert value.optional(value.number, "empty") is None
    assert value.optional(value.number, "number") == 3
    with pytest.raises(DataError, match="field 'other': missing"):
        value.optional(value.number, "other")
    with pytest.raises(DataError, match="field 'empty': expected a number, found NoneType"):
        value.number("empty")


def test_an_object_is_a_row_that_knows_its_path():
    inner = row(rewards={"answer": "high"}).object("rewards")
    with pytest.raises(DataError, match=r"^file\.jsonl, line 3: field 'rewards\.answer': expected a number"):
        inner.number("answer")
