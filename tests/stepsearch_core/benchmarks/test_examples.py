import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import passage_id
from stepsearch_core.benchmarks.examples import UNKNOWN_SUPPORTS, join_sentences, read_context, read_supports
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row


@pytest.mark.parametrize(
    ("sentences", "text"),
    [
        (["She sang.", " He left."], "She sang. He left."),
        (["She sang.", "He left."], "She sang. He left."),
        (
            ['He said "no".', '"', " She left."],
            'He said "no"." She left.',
        ),  # one leading blank: all are meant
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
    assert [passage.id for passage in read_supports(row, passages, Account("x")).values()] == [
        passage_id("Ann", "A writer."),
        passage_id("Rome", "A city."),
    ]


def test_there_must_be_facts():
    row = Row("x", {"context": [["Ann", ["A writer."]]], "supporting_facts": []})
    with pytest.raises(DataError, match="field 'supporting_facts': empty"):
        read_supports(row, read_context(row), Account("x"))


def test_where_one_support_is_missing_all_are_unknown():
    row = Row("x", {"context": [["Ann", ["A writer."]]], "supporting_facts": [["Ann", 0], ["Bob", 0]]})
    account = Account("x")
    assert read_supports(row, read_context(row), account) == {}
    assert account.oddities == {UNKNOWN_SUPPORTS: 1}
