import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.environment.actions import STOP_STRINGS, TAGS, answer_turn, parse_action, search_turn, thought
from stepsearch_core.types import Action, ActionKind

SEARCH, ANSWER, INVALID = ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.INVALID
PIECES = st.sampled_from(
    [*TAGS, "<search", "search>", "</", " ", "\n", "paris", "Capital of France", "é", "<", ">", ""]
)
TURNS = st.lists(PIECES, max_size=10).map("".join)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("<search>paris</search>", Action(SEARCH, "paris", False)),
        (
            "<think> hm </think> <search> the  capital\nof France </search>",
            Action(SEARCH, "the capital of France", True),
        ),
        ("<think></think><answer> Paris </answer>", Action(ANSWER, "Paris", True)),
        ("\n <answer>Paris</answer> \n", Action(ANSWER, "Paris", False)),
        ("<answer>never searched</answer>", Action(ANSWER, "never searched", False)),
        ("<search>a < b > c </ b</search>", Action(SEARCH, "a < b > c </ b", False)),
        ("<search><Search></search>", Action(SEARCH, "<Search>", False)),  # tags are in lower case
        ("<search> < search > </search>", Action(SEARCH, "< search >", False)),
    ],
)
def test_valid_turns(text, action):
    assert parse_action(text) == action


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Paris",
        "<think> hm </think>",
        "<think> hm <search> paris </search>",  # the thought never ends
        "hm </think> <search> paris </search>",
        "<search> paris",
        "<search> paris </answer>",
        "<answer> paris </search>",
        "paris </search>",
        "</search> paris <search>",
        "<search>paris</search",
        "<SEARCH> paris </SEARCH>",
        "<search> paris </search> <answer> paris </answer>",
        "<search> a </search> <search> b </search>",
        "<answer> a </answer> <answer> b </answer>",
        "<search> <search> paris </search> </search>",
        "<search> <answer> paris </answer> </search>",
        "<search> <think> hm </think> paris </search>",
        "<think> <search> paris </search> </think>",
        "<think> <search> paris </search> </think> <answer> paris </answer>",
        "<think> a </think> <think> b </think> <search> paris </search>",
        "<think> a </think> and so <search> paris </search>",
        "so <search> paris </search>",
        "<search> paris </search> <think> hm </think>",
        "<answer> paris </answer> of course",
        "<information> paris </information>",
        "<search> paris <information> x </information> </search>",
        "<think> <information> x </information> </think> <answer> x </answer>",
        "<search></search>",
        "<search> \n\t </search>",
        "<answer></answer>",
        "<think> hm </think> <answer> </answer>",
    ],
)
def test_every_malformed_turn_is_invalid_with_a_reason(text):
    action = parse_action(text)
    assert action.kind is INVALID
    assert action.text


def test_reasons_differ():
    reasons = {parse_action(text).text for text in ("paris", "<search> </search>", "<answer> </answer>")}
    nested = parse_action("<search> <answer> a </answer> </search>").text
    assert len(reasons | {nested}) == 4


@given(st.text() | TURNS)
def test_no_text_raises_and_no_valid_action_holds_a_tag(text):
    action = parse_action(text)
    assert action.kind in ActionKind
    assert action.text
    if action.kind is not INVALID:
        assert not any(tag in action.text for tag in TAGS)
        assert action.text == " ".join(action.text.split())
        assert text.count(f"<{action.kind}>") == text.count(f"</{action.kind}>") == 1
        assert sum(text.count(tag) for tag in TAGS) == (4 if action.has_think else 2)
        assert text.rstrip().endswith(STOP_STRINGS)


@given(st.text(), st.text())
def test_what_the_warm_start_writes_is_read_back(think, content):
    for write, kind in ((search_turn, SEARCH), (answer_turn, ANSWER)):
        text = write(think, content)
        action = parse_action(text)
        if any(tag in think or tag in content for tag in TAGS) or not content.split():
            assert action.kind is INVALID
        else:
            assert action == Action(kind, " ".join(content.split()), True)
            assert thought(text) == think.strip()


def test_thought_of_a_turn_without_one_is_empty():
    assert thought("<search> paris </search>") == thought("so it is") == ""


def test_a_long_turn_of_tags_takes_no_time():
    started = time.perf_counter()
    for piece in ("<think></think>", "</think><search>", "<search>", "</search>", "<think>", "<answer> ", "\n"):
        for before, after in (("", ""), ("<think>", "</search>"), ("<search>", "x")):
            parse_action(before + piece * 300 + after)
    assert time.perf_counter() - started < 2.0


def test_tags_are_those_of_the_protocol():
    assert len(TAGS) == len(set(TAGS)) == 8
    assert all(re.fullmatch(r"</?[a-z]+>", tag) for tag in TAGS)
    assert set(STOP_STRINGS) < set(TAGS)
