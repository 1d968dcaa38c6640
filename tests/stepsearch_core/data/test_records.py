import pytest

from stepsearch_core.data.records import join_sentences, read_context, read_sub_question, read_supports
from stepsearch_core.data.rows import Row
from stepsearch_core.io import DataError
from stepsearch_core.text import passage_id


@pytest.mark.parametrize(
    ("sentences", "text"),
    [
        (["She sang.", " He left."], "She sang. He left."),
        (["She sang.", "He left."], "She sang. He left."),
        (['He said "no".', '"', " She left."], 'He said "no"." She left.'),  # one leading blank: all are meant
        ([" Alone. "], "Alone."),
        ([], ""),
    ],
)
def test_sentences_are_joined_by_the_blanks_they_bring(sentences, text):
    assert join_sentences(sentences) == text


def test_supports_are_the_first_paragraphs_of_their_titles_in_the_order_of_the_facts():
    context = [["Rome", ["A city."]], ["Ann", ["A writer."]], ["Rome", ["A musical."]]]
    row = Row("x", {"context": context, "supporting_facts": [["Ann", 0], ["Rome", 0], ["Ann", 1]]})
    passages = read_context(row)
    assert [passage.text for passage in passages] == ["A city.", "A writer.", "A musical."]
    assert [passage.id for passage in read_supports(row, passages).values()] == [
        passage_id("Ann", "A writer."),
        passage_id("Rome", "A city."),
    ]


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ([], "field 'supporting_facts': empty"),
        ([["Bob", 0]], r"field 'supporting_facts\[0\].title': no paragraph of the context is called 'Bob'"),
    ],
)
def test_supports_must_be_there(facts, problem):
    row = Row("x", {"context": [["Ann", ["A writer."]]], "supporting_facts": facts})
    with pytest.raises(DataError, match=problem):
        read_supports(row, read_context(row))


def test_references_are_resolved_or_refused():
    row = Row("x", {"question": "where did #1 meet #2"})
    assert read_sub_question(row, "question", ["Ann", "Bob"]) == "where did Ann meet Bob"
    with pytest.raises(DataError, match="field 'question': #2 refers to no earlier step"):
        read_sub_question(row, "question", ["Ann"])
