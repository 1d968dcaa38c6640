import pytest

from stepsearch_core.base.types import Hop, Question
from stepsearch_core.synthesis.held_out import HOP, QUESTION, HeldOut


def question(text, *sub_questions):
    hops = tuple(Hop(sub_question, "a", ("p",)) for sub_question in sub_questions)
    return Question("q", "musique", "train", text, ("a",), hops)


TEST = HeldOut([question("Who wrote it?", "Dark River >> author", "Ann >> spouse"), question("Single?")])


@pytest.mark.parametrize(
    ("asked", "shared"),
    [
        (question("who  WROTE it"), QUESTION),
        (question("Ann spouse?"), QUESTION),  # a hop of the test as a question of its own
        (question("Another?", "x >> y", "ann >> Spouse"), HOP),
        (question("Another?", "single"), HOP),  # a question of the test as a hop
        (question("Another?", "Ann >> child"), None),
        (question("Another?"), None),
        (question("?!", ""), None),  # no words at all
    ],
)
def test_what_is_asked_in_the_same_words(asked, shared):
    assert TEST.shares(asked) == shared


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Who played Spider-Man?", "who played Spider\u2013Man"),
        ("Beyonce\u0301's husband?", "Beyonc\u00e9\u2019s husband"),
        (
            "\u300a\u7ea2\u697c\u68a6\u300b\u7684\u4f5c\u8005\u662f\u8c01",
            "\u7ea2\u697c\u68a6\u7684\u4f5c\u8005\u662f\u8c01\uff1f",
        ),
    ],
)
def test_other_signs_for_the_same_words(one, other):
    assert HeldOut([question(one)]).shares(question(other)) == QUESTION
