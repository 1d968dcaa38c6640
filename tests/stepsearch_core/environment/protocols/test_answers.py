import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.types import ActionKind, InvalidReason
from stepsearch_core.environment.protocols.answers import (
    named_answer,
    read_named,
    read_whole,
    said,
    untagged,
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So the answer is: Oslo", "Oslo"),
        ("so the ANSWER IS oslo. He was born there.", "oslo"),
        ("The answer is Oslo.\nThat is in Norway.", "Oslo"),
        ("The answer is A. No, wait. The answer is: **Rome**.", "Rome"),
        ("Final answer: “J. R. R. Tolkien”.", "J. R. R. Tolkien"),
        ("The answer to the question is: the U.S.", "the U.S."),
        ("The answer is St. Petersburg, Fla. I think.", "St. Petersburg, Fla"),
        ("The answer is 3.14.", "3.14."),  # behind two digits a full stop is kept; EM does not see it
        ("The answer is: No. It never was.", "No"),
        ("<think> the answer is Rome </think> The answer is <answer> Oslo </answer>, I am sure.", "Oslo"),
        ("<answer> a <answer> b </answer>", "b"),
        ("答案。The answer is 奥斯陆。", "奥斯陆。"),
        ("The answer is:", ""),
        ("<answer> </answer>", ""),
        ("Oslo", None),
        ("", None),
        ("<think> the answer is Rome", None),  # never came to speak
    ],
)
def test_an_answer_that_is_named(text, answer):
    assert named_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Oslo", "Oslo"),
        (' "Oslo."\n', "Oslo"),
        ("\n\nOslo\nIt is in Norway.", "Oslo"),
        ("The answer is Oslo, I think. Really.", "Oslo, I think"),
        ("<think>\nRome?\nNo.\n</think>\n\nOslo", "Oslo"),
        ("</answer> Oslo", "Oslo"),
    ],
)
def test_of_a_turn_that_is_asked_for_an_answer_alone_all_counts(text, answer):
    action = read_whole(text)
    assert (action.kind, action.text, action.has_think) == (ActionKind.ANSWER, answer, False)


@pytest.mark.parametrize("text", ["", " \n", "<think> Oslo", "<answer> </answer>", "*"])
def test_a_turn_without_words_is_no_answer(text):
    assert read_whole(text).reason is InvalidReason.NO_ACTION


def test_a_turn_that_has_to_name_its_answer():
    assert read_named("Ada was born in Oslo.").reason is InvalidReason.NO_ACTION
    assert read_named("The answer is: .").reason is InvalidReason.EMPTY_ANSWER
    thought = read_named("Ada was born in Oslo. So the answer is: Norway")
    assert (thought.text, thought.has_think) == ("Norway", True)
    assert not read_named("So the answer is: Norway").has_think
    assert read_named("<think> Oslo </think> The answer is: Norway").has_think


def test_what_a_turn_says_is_without_reasoning_and_tags():
    text = "<think> a </think> b <search> c </search>"
    assert said(text).split() == ["b", "c"]
    assert untagged(text).split() == ["a", "b", "c"]
    assert said("a <plan> b") == "a"


@given(
    st.text() | st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "answer is", ".", "\n", "a "]))
)
def test_any_text_is_read(pieces):
    text = "".join(pieces)
    for read in (read_named, read_whole):
        action = read(text)
        assert bool(action.reason) == (action.kind is ActionKind.INVALID)
        assert action.text.strip()
