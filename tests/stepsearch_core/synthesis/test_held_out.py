from dataclasses import replace

import pytest

from stepsearch_core.base.types import Hop, Question
from stepsearch_core.synthesis.held_out import HOP, QUESTION, HeldOut, leaked


def question(text, *sub_questions):
    hops = tuple(Hop(sub_question, "a", (sub_question,)) for sub_question in sub_questions)
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


def test_a_hop_that_is_asked_otherwise_is_known_by_its_passage_and_its_answer():
    def asked(sub_question, sub_answer, *support_ids):
        return Question("q", "x", "train", sub_answer, ("y",), (Hop(sub_question, sub_answer, support_ids),))

    whole = replace(asked("Ann >> birthplace", "Lima", "p", "q"), question="Whole?")
    tested = HeldOut([whole])
    assert tested.shares(asked("Where was Ann born?", "LIMA.", "q")) == HOP
    assert tested.shares(asked("Where was Ann born?", "Rome", "q")) is None
    assert tested.shares(asked("Where was Ann born?", "Lima", "r")) is None
    assert HeldOut([asked("", "", "p")]).shares(asked("x", "", "p")) is None


def test_passages_that_a_question_of_the_test_joins():
    def supported(*support_ids):
        return Question("q", "x", "test", "?", ("y",), tuple(Hop("", "", (one,)) for one in support_ids))

    tested = HeldOut([supported("a", "b"), supported("b", "c")])
    assert tested.joins("a", "b")
    assert tested.joins("c", "b")
    assert not tested.joins("a", "c")
    assert not tested.joins("a", "d")


def test_what_a_test_shares_with_training_is_counted_by_the_same_rule():
    training = [
        question("Who wrote it?", "x >> author"),
        question("Another?", "Ann >> spouse"),
        question("?"),
    ]
    test = [
        question("who WROTE it"),
        question("ann spouse"),  # a hop of training as a question of its own
        question("New?", "y >> z", "X >> author"),
        question("New?", "y >> z"),
        question(""),
    ]
    assert leaked(test, training) == {QUESTION: 2, HOP: 1}
    assert leaked(test, []) == {}
    assert leaked([], training) == {}
