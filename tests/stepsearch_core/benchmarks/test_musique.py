import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Hop, Question
from stepsearch_core.benchmarks.examples import DOUBTFUL, UNRESOLVED
from stepsearch_core.benchmarks.musique import read_example
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row
from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE, damaged


def test_a_row_becomes_a_question_with_resolved_steps():
    example = read_example(Row("x", MUSIQUE), 0, "train", Account("x"))
    supports = {
        idx: passage_id(MUSIQUE["paragraphs"][idx]["title"], MUSIQUE["paragraphs"][idx]["paragraph_text"])
        for idx in (0, 2, 3)
    }
    assert example.question == Question(
        id="3hop2__1_2_3",
        dataset="musique",
        split="train",
        question="Where did the author of Dark River meet her spouse?",
        answers=("Rome", "Roma"),
        hops=(
            Hop("Dark River >> author", "Ann Lee", (supports[0],)),
            Hop("Who is the spouse of Ann Lee ?", "Bob Ray", (supports[2],)),
            Hop("where did Ann Lee meet Bob Ray", "Rome", (supports[3],)),
        ),
    )
    assert [passage.title for passage in example.context] == [
        "Dark River",
        "Old Mill",
        "Ann Lee",
        "Ann and Bob",
    ]


def test_supports_go_by_idx_and_not_by_position():
    row = {**MUSIQUE, "paragraphs": MUSIQUE["paragraphs"][::-1]}
    assert (
        read_example(Row("x", row), 0, "train", Account("x")).question.hops
        == read_example(Row("x", MUSIQUE), 0, "train", Account("x")).question.hops
    )


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("id",), KeyError, "field 'id': missing"),
        (("question",), 3, "field 'question': expected text"),
        (("answer",), "", "field 'answer': empty"),
        (("answer_aliases",), "Roma", "field 'answer_aliases': expected a list"),
        (("answer_aliases",), [1], r"field 'answer_aliases\[0\]': expected text"),
        (("answerable",), False, "field 'answerable': expected true"),
        (("paragraphs",), {}, "field 'paragraphs': expected a list, found dict"),
        (("paragraphs", 1), "text", r"field 'paragraphs\[1\]': expected an object"),
        (("paragraphs", 1, "idx"), 0, r"field 'paragraphs\[1\]\.idx': 0 occurs twice"),
        (("paragraphs", 1, "title"), KeyError, r"field 'paragraphs\[1\]\.title': missing"),
        (("question_decomposition",), [], "field 'question_decomposition': empty"),
        (
            ("question_decomposition", 1, "answer"),
            None,
            r"field 'question_decomposition\[1\]\.answer': expected text",
        ),
        (
            ("question_decomposition", 0, "paragraph_support_idx"),
            4,
            r"support_idx': 4 is no paragraph's idx",
        ),
        (
            ("question_decomposition", 0, "paragraph_support_idx"),
            -1,
            r"support_idx': -1 is no paragraph's idx",
        ),
        (("question_decomposition", 0, "paragraph_support_idx"), None, r"support_idx': expected an integer"),
        (("question_decomposition", 0, "paragraph_support_idx"), "0", r"support_idx': expected an integer"),
    ],
)
def test_damage_is_named(path, value, problem):
    with pytest.raises(DataError, match=problem):
        read_example(Row("x", damaged("musique", *path, to=value)), 0, "train", Account("x"))


def test_a_song_of_that_number_is_text_and_counted():
    """`#9` of three hops names no hop; `#1` that begins a longer name is replaced, as published, and
    counted.
    """
    account = Account("x")
    row = damaged("musique", "question_decomposition", 0, "question", to="#9 Dream >> performer")
    row["question_decomposition"][2]["question"] = "#1 Greatest Hits >> #2"
    hops = read_example(Row("x", row), 0, "train", account).question.hops
    assert [hop.sub_question for hop in hops] == [
        "#9 Dream >> performer",
        "Who is the spouse of Ann Lee ?",
        "Ann Lee Greatest Hits >> Bob Ray",
    ]
    assert account.oddities == {UNRESOLVED: 1, DOUBTFUL: 1}
