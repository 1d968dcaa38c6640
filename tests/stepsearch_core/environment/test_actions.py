import re
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.types import Action, ActionKind, InvalidReason
from stepsearch_core.environment.actions import PLAN, STOP_STRINGS, THINK

SEARCH, ANSWER, INVALID = ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.INVALID
BOTH = pytest.mark.parametrize("grammar", [THINK, PLAN], ids=["think", "plan"])
TAGS = dict.fromkeys([*THINK.tags, *PLAN.tags])
OTHERS = [
    "<search",
    "search>",
    "</",
    "<warning>",
    " ",
    "\n",
    "paris",
    "Capital of France",
    "é",
    "<",
    ">",
    "",
]
TURNS = st.lists(st.sampled_from([*TAGS, *OTHERS]), max_size=10).map("".join)
NO_ACTION, TAG, OUTSIDE, ORDER = (
    Action.invalid(reason)
    for reason in (
        InvalidReason.NO_ACTION,
        InvalidReason.BROKEN_TAG,
        InvalidReason.TEXT_OUTSIDE,
        InvalidReason.NOT_ONE_ACTION,
    )
)
NO_QUERY, NO_ANSWER = Action.invalid(InvalidReason.EMPTY_SEARCH), Action.invalid(InvalidReason.EMPTY_ANSWER)


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
        (
            "<search>Århus 東京 ı\u0301 🗼</search>",
            Action(SEARCH, "Århus 東京 ı\u0301 🗼", False),
        ),  # as written
        (
            "\u2003<search>a\u00a0\u3000b</search>\x1f",
            Action(SEARCH, "a b", False),
        ),  # all white space is alike
        ("<search>\u200b</search>", Action(SEARCH, "\u200b", False)),  # no white space by Unicode
        ("<answer>" + "oslo " * 5000 + "</answer>", Action(ANSWER, " ".join(["oslo"] * 5000), False)),
        (
            "<think> <plan> x </think> <search> <observation> </search>",
            Action(SEARCH, "<observation>", True),
        ),
    ],
)
def test_valid_turns(text, action):
    assert THINK.parse(text) == THINK.parse(text, "lenient") == action


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("<plan> p </plan> <search> paris </search>", Action(SEARCH, "paris", True), None),
        (
            "<observation> o </observation>\n<plan> p </plan> <answer> x </answer>",
            Action(ANSWER, "x", True),
            None,
        ),
        ("<observation> o </observation> <answer> x </answer>", Action(ANSWER, "x", False), None),  # no plan
        ("<answer> x </answer>", Action(ANSWER, "x", False), None),
        (
            "<plan> <think> p </think> </plan> <answer> <think> </answer>",
            Action(ANSWER, "<think>", True),
            None,
        ),
        (
            "<plan> p </plan> <observation> o </observation> <answer> x </answer>",
            ORDER,
            Action(ANSWER, "x", True),
        ),
        ("<plan> p </plan> <plan> p </plan> <answer> x </answer>", ORDER, Action(ANSWER, "x", True)),
        (
            "<observation> o </observation> <observation> o </observation> <answer> x </answer>",
            ORDER,
            Action(ANSWER, "x", False),
        ),
        (
            "<plan> p </plan> <answer> x </answer> <observation> o </observation>",
            ORDER,
            Action(ANSWER, "x", True),
        ),
        (
            "<plan> p <observation> o </observation> </plan> <answer> x </answer>",
            TAG,
            Action(ANSWER, "x", True),
        ),
        ("<plan> p <answer> x </answer>", TAG, Action(ANSWER, "x", True)),
        ("<answer> x </observation> </answer>", TAG, Action(ANSWER, "x </observation>", False)),
        (
            "<think> p </think> <answer> x </answer>",
            OUTSIDE,
            Action(ANSWER, "x", False),
        ),  # another style's tag is text
        ("<observation> o </observation> <plan> p </plan>", ORDER, NO_ACTION),
    ],
)
def test_turns_of_the_released_style(text, strict, lenient):
    assert PLAN.parse(text) == strict
    assert PLAN.parse(text, "lenient") == (lenient or strict)


def found(text, has_think=False, kind=SEARCH):
    return Action(kind, text, has_think)


@BOTH
@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("", NO_ACTION, None),
        (" ", NO_ACTION, None),
        ("Paris", NO_ACTION, None),
        ("<SEARCH> paris </SEARCH>", NO_ACTION, None),
        ("<search > paris </search >", NO_ACTION, None),
        ("<RRR> hm </RRR>", ORDER, NO_ACTION),
        ("<RRR> hm", TAG, NO_ACTION),
        ("<RRR> hm <search> paris </search>", TAG, found("paris", True)),  # the reasoning never ends
        ("hm </RRR> <search> paris </search>", TAG, found("paris", True)),  # a template may have opened it
        ("<search> paris", TAG, TAG),  # cut by the turn's limit, or end-of-text inside of it
        ("<search> paris </answer>", TAG, TAG),
        ("<answer> paris </search>", TAG, TAG),
        ("paris </search>", TAG, TAG),
        ("</search> paris <search>", TAG, TAG),
        ("<search>paris</search", TAG, TAG),
        ("<search> paris </SEARCH>", TAG, TAG),
        ("<search> paris </search> <answer> paris </answer>", ORDER, found("paris")),
        ("<search> a </search> <search> b </search>", ORDER, found("a")),
        ("<answer> a </answer> <answer> b </answer>", ORDER, found("a", kind=ANSWER)),
        ("<search> <search> paris </search> </search>", TAG, found("paris")),
        ("<search> <answer> paris </answer> </search>", TAG, found("paris", kind=ANSWER)),
        ("<search> a <answer> b </search> c </answer>", TAG, TAG),
        ("<search> <RRR> hm </RRR> paris </search>", TAG, found("<RRR> hm </RRR> paris")),
        ("<RRR> <search> paris </search> </RRR>", TAG, found("paris", True)),
        ("<RRR> <search> paris </search> </RRR> <answer> paris </answer>", TAG, found("paris", True)),
        ("<RRR> I <search> next </RRR> <search> paris </search>", TAG, found("paris", True)),
        ("<RRR> I close it with </search> </RRR> <search> paris </search>", TAG, found("paris", True)),
        ("<RRR> a </RRR> <RRR> b </RRR> <search> paris </search>", ORDER, found("paris", True)),
        ("<RRR> a </RRR> and so <search> paris </search>", OUTSIDE, found("paris", True)),
        ("so <search> paris </search>", OUTSIDE, found("paris")),
        ("<search> paris </search> <RRR> hm </RRR>", ORDER, found("paris")),
        ("<answer> paris </answer> of course", OUTSIDE, found("paris", kind=ANSWER)),
        ("<answer> paris </answer>.", OUTSIDE, found("paris", kind=ANSWER)),
        ("<answer> paris </answer> </answer>", TAG, found("paris", kind=ANSWER)),
        ("<answer> paris </answer> </", OUTSIDE, found("paris", kind=ANSWER)),
        ("<information> paris </information>", ORDER, NO_ACTION),
        ("<information> paris </information> <answer> x </answer>", ORDER, found("x", kind=ANSWER)),
        (
            "<search> paris <information> x </information> </search>",
            TAG,
            found("paris <information> x </information>"),
        ),
        ("<RRR> <information> x </information> </RRR> <answer> x </answer>", TAG, found("x", True, ANSWER)),
        ("<search></search>", NO_QUERY, NO_QUERY),
        ("<search> \n\t\u3000 </search>", NO_QUERY, NO_QUERY),
        ("<search></search> <search> paris </search>", ORDER, NO_QUERY),
        ("<answer></answer>", NO_ANSWER, NO_ANSWER),
        ("<RRR> hm </RRR> <answer> </answer>", NO_ANSWER, NO_ANSWER),
    ],
)
def test_every_malformed_turn_in_both_readings(grammar, text, strict, lenient):
    text = text.replace("RRR", grammar.reasoning)
    lenient = lenient or strict
    assert grammar.parse(text) == strict
    assert grammar.parse(text, "lenient") == replace(
        lenient, text=lenient.text.replace("RRR", grammar.reasoning)
    )


def released(text):
    """What the released code takes for the action of a turn: (1.2): cut at a first closing tag, then the
    first pair.
    """
    for stop in STOP_STRINGS:
        if stop in text:
            text = text[: text.index(stop) + len(stop)]
            break
    pair = re.search(r"<(search|answer)>(.*?)</\1>", text, re.DOTALL)
    return pair and (pair[1], pair[2])


@BOTH
@settings(max_examples=50)
@given(text=st.text() | TURNS)
def test_the_lenient_reading_is_the_released_one_where_an_action_is_opened_once(grammar, text):
    stops = [place for stop in STOP_STRINGS if (place := text.find(stop) + len(stop)) >= len(stop)]
    text = text[: min(stops)] if stops else text  # a sampled turn ends there
    action = grammar.parse(text, "lenient")
    if sum(text.count(tag) for tag in ("<search>", "<answer>")) > 1:
        return
    theirs = released(text)
    if theirs is None:
        assert action.kind is INVALID
    elif not theirs[1].split():
        assert action.reason in (InvalidReason.EMPTY_SEARCH, InvalidReason.EMPTY_ANSWER)
    else:
        assert (action.kind, action.text) == (theirs[0], " ".join(theirs[1].split()))


@BOTH
@given(text=st.text() | TURNS)
def test_what_the_strict_reading_takes_the_lenient_one_takes_too(grammar, text):
    strict, lenient = grammar.parse(text), grammar.parse(text, "lenient")
    assert (lenient.kind is INVALID) == (lenient.reason is not None)
    if strict.kind is not INVALID:
        assert lenient == strict


@BOTH
@given(text=st.text() | TURNS)
def test_no_text_raises_and_no_valid_action_is_empty_or_holds_a_tag(grammar, text):
    action = grammar.parse(text)
    assert action.kind in ActionKind
    assert action.text
    if action.kind is INVALID:
        assert not action.has_think
        assert action.text == action.reason
        return
    assert action.reason is None
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
        if not content.split():
            assert action.kind is INVALID
        elif not any(tag in content for tag in grammar.tags):
            read = Action(kind, " ".join(content.split()), True)
            assert action == grammar.parse(write(thought, content, shown), "lenient") == read


@BOTH
def test_tags_that_a_question_or_an_answer_spells_are_left_out_of_a_turn(grammar):
    spelled = f"who </search> is <answer>oslo</answer> <{grammar.reasoning}> ? <sea<search>rch>"
    for write, kind in ((grammar.search_turn, SEARCH), (grammar.answer_turn, ANSWER)):
        for reading in ("strict", "lenient"):
            assert grammar.parse(write(spelled, spelled, 1), reading) == Action(
                kind, "who is oslo ? <sea rch>", True
            )


def test_turns_as_they_are_written():
    assert THINK.search_turn("hm", "oslo", 2) == "<think> hm </think> <search> oslo </search>"
    assert PLAN.search_turn("hm", "oslo") == "<plan> hm </plan> <search> oslo </search>"
    assert PLAN.answer_turn("", "oslo", 2) == (
        "<observation> Doc 1 . Doc 2 . </observation> <plan>  </plan> <answer> oslo </answer>"
    )


@BOTH
def test_a_long_turn_of_tags_takes_no_time(grammar):
    started = time.process_time()
    for piece in (*grammar.tags, "<think></think>", "</plan><search>", "<answer> ", "\n"):
        for before, after in (("", ""), ("<plan>", "</search>"), ("<search>", "x")):
            for reading in ("strict", "lenient"):
                grammar.parse(before + piece * 3000 + after, reading)
    assert time.process_time() - started < 2.0


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
