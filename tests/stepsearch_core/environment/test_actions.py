import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.environment.actions import PLAN, STOP_STRINGS, THINK
from stepsearch_core.types import Action, ActionKind

SEARCH, ANSWER, INVALID = ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.INVALID
BOTH = pytest.mark.parametrize("grammar", [THINK, PLAN], ids=["think", "plan"])
TAGS = dict.fromkeys([*THINK.tags, *PLAN.tags])
OTHERS = ["<search", "search>", "</", "<warning>", " ", "\n", "paris", "Capital of France", "é", "<", ">", ""]
TURNS = st.lists(st.sampled_from([*TAGS, *OTHERS]), max_size=10).map("".join)
NO_ACTION, TAG, OUTSIDE = (
    "no action",
    "a tag that is not closed, not opened or inside another",
    "text outside of the tags",
)
ORDER, NO_QUERY, NO_ANSWER = "not one action after the reasoning", "empty <search>", "empty <answer>"


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
        ("<search>Århus 東京 ı\u0301 🗼</search>", Action(SEARCH, "Århus 東京 ı\u0301 🗼", False)),  # as written
        ("\u2003<search>a\u00a0\u3000b</search>\x1f", Action(SEARCH, "a b", False)),  # all white space is alike
        ("<search>\u200b</search>", Action(SEARCH, "\u200b", False)),  # no white space by Unicode
        ("<answer>" + "oslo " * 5000 + "</answer>", Action(ANSWER, " ".join(["oslo"] * 5000), False)),
        ("<think> <plan> x </think> <search> <observation> </search>", Action(SEARCH, "<observation>", True)),
    ],
)
def test_valid_turns(text, action):
    assert THINK.parse(text) == action


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("<plan> p </plan> <search> paris </search>", Action(SEARCH, "paris", True)),
        ("<observation> o </observation>\n<plan> p </plan> <answer> x </answer>", Action(ANSWER, "x", True)),
        ("<observation> o </observation> <answer> x </answer>", Action(ANSWER, "x", False)),  # no plan
        ("<answer> x </answer>", Action(ANSWER, "x", False)),
        ("<plan> <think> p </think> </plan> <answer> <think> </answer>", Action(ANSWER, "<think>", True)),
        ("<plan> p </plan> <observation> o </observation> <answer> x </answer>", Action(INVALID, ORDER)),
        ("<plan> p </plan> <plan> p </plan> <answer> x </answer>", Action(INVALID, ORDER)),
        ("<observation> o </observation> <observation> o </observation> <answer> x </answer>", Action(INVALID, ORDER)),
        ("<plan> p </plan> <answer> x </answer> <observation> o </observation>", Action(INVALID, ORDER)),
        ("<plan> p <observation> o </observation> </plan> <answer> x </answer>", Action(INVALID, TAG)),
        ("<plan> p <answer> x </answer>", Action(INVALID, TAG)),
        ("<answer> x </observation> </answer>", Action(INVALID, TAG)),
        ("<think> p </think> <answer> x </answer>", Action(INVALID, OUTSIDE)),  # a tag of another style is text
        ("<observation> o </observation> <plan> p </plan>", Action(INVALID, ORDER)),
    ],
)
def test_turns_of_the_released_style(text, action):
    assert PLAN.parse(text) == action


@BOTH
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", NO_ACTION),
        (" ", NO_ACTION),
        ("Paris", NO_ACTION),
        ("<SEARCH> paris </SEARCH>", NO_ACTION),
        ("<search > paris </search >", NO_ACTION),
        ("<RRR> hm </RRR>", ORDER),
        ("<RRR> hm <search> paris </search>", TAG),  # the reasoning never ends
        ("hm </RRR> <search> paris </search>", TAG),
        ("<search> paris", TAG),  # cut by the turn's limit, or end-of-text inside of it
        ("<search> paris </answer>", TAG),
        ("<answer> paris </search>", TAG),
        ("paris </search>", TAG),
        ("</search> paris <search>", TAG),
        ("<search>paris</search", TAG),
        ("<search> paris </SEARCH>", TAG),
        ("<search> paris </search> <answer> paris </answer>", ORDER),
        ("<search> a </search> <search> b </search>", ORDER),
        ("<answer> a </answer> <answer> b </answer>", ORDER),
        ("<search> <search> paris </search> </search>", TAG),
        ("<search> <answer> paris </answer> </search>", TAG),
        ("<search> <RRR> hm </RRR> paris </search>", TAG),
        ("<RRR> <search> paris </search> </RRR>", TAG),
        ("<RRR> <search> paris </search> </RRR> <answer> paris </answer>", TAG),
        ("<RRR> a </RRR> <RRR> b </RRR> <search> paris </search>", ORDER),
        ("<RRR> a </RRR> and so <search> paris </search>", OUTSIDE),
        ("so <search> paris </search>", OUTSIDE),
        ("<search> paris </search> <RRR> hm </RRR>", ORDER),
        ("<answer> paris </answer> of course", OUTSIDE),
        ("<answer> paris </answer>.", OUTSIDE),
        ("<answer> paris </answer> </answer>", TAG),
        ("<information> paris </information>", ORDER),
        ("<information> paris </information> <answer> x </answer>", ORDER),
        ("<search> paris <information> x </information> </search>", TAG),
        ("<RRR> <information> x </information> </RRR> <answer> x </answer>", TAG),
        ("<search></search>", NO_QUERY),
        ("<search> \n\t\u3000 </search>", NO_QUERY),
        ("<answer></answer>", NO_ANSWER),
        ("<RRR> hm </RRR> <answer> </answer>", NO_ANSWER),
    ],
)
def test_every_malformed_turn_is_invalid_with_its_reason(grammar, text, reason):
    assert grammar.parse(text.replace("RRR", grammar.reasoning)) == Action(INVALID, reason)


@BOTH
@given(text=st.text() | TURNS)
def test_no_text_raises_and_no_valid_action_is_empty_or_holds_a_tag(grammar, text):
    action = grammar.parse(text)
    assert action.kind in ActionKind
    assert action.text
    if action.kind is INVALID:
        assert not action.has_think
        return
    assert not any(tag in action.text for tag in grammar.tags)
    assert action.text == " ".join(action.text.split())
    assert text.count(f"<{action.kind}>") == text.count(f"</{action.kind}>") == 1
    comments = text.count(f"<{grammar.comment}>")
    assert sum(text.count(tag) for tag in grammar.tags) == 2 + 2 * action.has_think + 2 * comments
    assert text.rstrip().endswith(f"</{action.kind}>")


@BOTH
@given(thought=st.text(), content=st.text(), shown=st.integers(0, 3))
def test_what_the_warm_start_writes_is_read_back(grammar, thought, content, shown):
    for write, kind in ((grammar.search_turn, SEARCH), (grammar.answer_turn, ANSWER)):
        action = grammar.parse(write(thought, content, shown))
        if any(tag in thought or tag in content for tag in grammar.tags) or not content.split():
            assert action.kind is INVALID
        else:
            assert action == Action(kind, " ".join(content.split()), True)


def test_turns_as_they_are_written():
    assert THINK.search_turn("hm", "oslo", 2) == "<think> hm </think> <search> oslo </search>"
    assert PLAN.search_turn("hm", "oslo") == "<plan> hm </plan> <search> oslo </search>"
    assert PLAN.answer_turn("", "oslo", 2) == (
        "<observation> Doc 1 . Doc 2 . </observation> <plan>  </plan> <answer> oslo </answer>"
    )


@BOTH
def test_a_long_turn_of_tags_takes_no_time(grammar):
    started = time.perf_counter()
    for piece in (*grammar.tags, "<think></think>", "</plan><search>", "<answer> ", "\n"):
        for before, after in (("", ""), ("<plan>", "</search>"), ("<search>", "x")):
            grammar.parse(before + piece * 3000 + after)
    assert time.perf_counter() - started < 2.0


def test_tags_are_those_of_the_style_and_no_others():
    names = {grammar: {tag.strip("</>") for tag in grammar.tags} for grammar in (THINK, PLAN)}
    assert names == {
        THINK: {"think", "search", "information", "answer"},
        PLAN: {"plan", "observation", "search", "information", "answer"},
    }
    for grammar in (THINK, PLAN):
        assert len(grammar.tags) == len(set(grammar.tags)) == 2 * len(names[grammar])
        assert all(re.fullmatch(r"</?[a-z]+>", tag) for tag in grammar.tags)
        assert set(STOP_STRINGS) < set(grammar.tags)
