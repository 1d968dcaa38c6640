from stepsearch_core.base.types import Hop, Question
from stepsearch_core.synthesis.held_out import HOP, QUESTION, HeldOut


def question(text, *hops, answer="a"):
    return Question(
        "q", "musique", "train", text, (answer,), tuple(Hop(asked, told, ("p",)) for asked, told in hops)
    )


TEST = HeldOut(
    [question("Who wrote it?", ("Dark River >> author", "Ann"), ("Ann >> spouse", "Bob"), answer="Bob")]
)


def test_questions_by_their_words_and_hops_with_their_answers():
    assert TEST.shares(question("who  WROTE it")) == QUESTION
    assert TEST.shares(question("Ann spouse?", answer="bob")) == QUESTION  # a hop as a question of its own
    assert TEST.shares(question("Ann spouse?", answer="Carl")) is None
    assert TEST.shares(question("Another?", ("x >> y", "z"), ("ann >> Spouse", "Bob"))) == HOP
    assert TEST.shares(question("Another?", ("Ann >> spouse", "Carl"))) is None
    assert TEST.shares(question("Another?")) is None


def test_hops_without_a_sub_question_are_nothing_to_share():
    bare = HeldOut([question("One?", ("", ""))])
    assert bare.shares(question("Two?", ("", ""))) is None
