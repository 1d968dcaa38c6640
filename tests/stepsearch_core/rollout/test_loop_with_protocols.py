"""What each protocol shows the policy, turn by turn, what it takes for an answer, and what ends it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.types import ActionKind, Author, InvalidReason, Passage, StopReason
from stepsearch_core.environment.protocols.registry import PROTOCOLS
from stepsearch_core.environment.protocols.search_o1 import NOTHING
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.metrics.measures import EVALUATED, Rules, measure_all
from stepsearch_core.params import RolloutParams
from stepsearch_core.retrieval.retriever import Hit
from stepsearch_core.rollout.loop import Rollout
from tests import across_tags, tiny
from tests.stepsearch_core.rollout.troubles import Failing
from tests.stepsearch_core.rollout.watching import Watching

BYTES, CHAT = tiny.tokenizer("bpe"), across_tags.qwen()
LIMITS = {"max_turn_tokens": 60, "max_observation_tokens": 200, "max_trajectory_tokens": 2000}
ASKED = tiny.ADA.question
OSLO, CHESS = tiny.PASSAGES[2], tiny.PASSAGES[5]
BASELINES = [name for name in PROTOCOLS if name != "agent"]


class Fixed:
    """Finds the same for every query, and keeps the queries."""

    def __init__(self, *passages):
        self.passages, self.asked = passages, []

    def search(self, queries, k):
        self.asked += queries
        return [[Hit(passage, 1.0) for passage in self.passages[:k]] for _ in queries]


def play(protocol, scripts, retriever=None, tokenizer=BYTES, questions=(tiny.ADA,), **changes):
    """The trajectories, every context's text, the renderer."""
    renderer = Renderer(tokenizer, tiny.environment(protocol=protocol, **{**LIMITS, **changes}))
    engine: Any = Watching(renderer, scripts)
    params = RolloutParams(batch_size=2, retrieval_attempts=1)
    made = Rollout(engine, retriever or Fixed(OSLO, CHESS), renderer, params).greedy(questions)
    return made, [tokenizer.decode(ids) for ids in engine.contexts], renderer


def prompt(renderer, asked=ASKED):
    return renderer.style.prompt.format(question=asked)


DOCUMENTS = (
    "<information>Doc 1 : oslo lies in norway .Doc 2 : dora plays chess in oslo .</information>"  # minimal's
)


def test_direct_whatever_is_said_is_the_answer():
    [made], [context], renderer = play("direct", [["Norway."]])
    assert context == prompt(renderer) + "Norway."
    assert (made.answer, made.stop_reason, made.searches) == ("Norway", StopReason.ANSWERED, [])


def test_chain_of_thought_answers_with_what_it_names_in_its_only_turn():
    said = "Ada was born in Oslo. So the answer is: Norway."
    [made], [context], renderer = play("chain_of_thought", [[said]])
    assert context == prompt(renderer) + said
    assert (made.answer, made.turns[0].action.has_think) == ("Norway", True)
    [made], _, _ = play("chain_of_thought", [["Ada was born in Oslo."]])
    assert (made.answer, made.stop_reason) == (None, StopReason.TURN_LIMIT)
    assert made.turns[0].action.reason is InvalidReason.NO_ACTION


def test_rag_searches_for_the_question_and_shows_the_documents_behind_it():
    retriever = Fixed(OSLO, CHESS)
    [made], [context], renderer = play("rag", [["norway"]], retriever)
    assert retriever.asked == [ASKED]
    assert context == prompt(renderer) + DOCUMENTS + "norway"
    assert made.answer == "norway"
    assert [(turn.action.kind, turn.text, turn.passage_ids) for turn in made.turns] == [
        (ActionKind.SEARCH, "", (OSLO.id, CHESS.id)),
        (ActionKind.ANSWER, "norway", ()),
    ]
    assert [segment.author for segment in made.segments] == [
        Author.PROMPT,
        Author.ENVIRONMENT,
        Author.PROMPT,
        Author.POLICY,
    ]


def test_in_a_chat_the_documents_stand_in_the_user_s_turn():
    [made], [context], renderer = play("rag", [["norway"]], tokenizer=CHAT, chat_template=True)
    asked = prompt(renderer) + DOCUMENTS
    assert context.endswith(f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\nnorway")
    assert made.answer == "norway"


def test_ircot_searches_for_each_sentence_until_one_answers():
    first, second = "Ada was born in Oslo.", "So the answer is: Norway."
    retriever = Fixed(OSLO, CHESS)
    [made], [context], renderer = play("ircot", [[first, second]], retriever, max_searches=4)
    assert retriever.asked == [ASKED, first]
    assert context == prompt(renderer) + DOCUMENTS + first + DOCUMENTS + second
    assert (made.answer, made.stop_reason) == ("Norway", StopReason.ANSWERED)
    assert [turn.action.kind.value for turn in made.turns] == ["search", "search", "answer"]


@pytest.mark.parametrize("searches", [1, 2, 3])
def test_ircot_has_to_answer_when_its_searches_are_made(searches):
    retriever = Fixed(OSLO)
    sentences = [f"Sentence {number} says something." for number in range(searches - 1)]
    [made], [context], _ = play("ircot", [[*sentences, " Norway."]], retriever, max_searches=searches)
    assert retriever.asked == [ASKED, *sentences]
    assert context.endswith("</information>\nSo the answer is: Norway.")
    assert (made.answer, made.stop_reason) == ("Norway", StopReason.ANSWERED)


def test_a_sentence_that_closes_the_turn_of_a_chat_is_answered_by_the_user():
    end = CHAT.eos_token
    chat = tiny.environment(protocol="ircot", chat_template=True, **LIMITS)
    playing = Episode(tiny.ADA, 0, Renderer(CHAT, chat))
    playing.observe([OSLO])
    ids = CHAT.encode(f"where is oslo{end}", add_special_tokens=False)
    playing.act(ids, None, "where is oslo")
    playing.observe([OSLO])
    shown = CHAT.decode(playing.new_tokens)
    assert shown.startswith("\n<|im_start|>user\n<information>Doc 1")
    assert shown.endswith("</information>\n<|im_end|>\n<|im_start|>assistant\n\nSo the answer is:")
    assert playing.act(CHAT.encode(" Norway"), None, " Norway").text == "Norway"


def test_an_empty_thought_costs_a_turn_and_is_told():
    [made], [context], renderer = play("ircot", [["  ", "So the answer is: Norway."]], max_searches=3)
    assert f"  {renderer.style.invalid_notice}So the answer" in context
    assert [turn.action.kind.value for turn in made.turns] == ["search", "invalid", "answer"]
    [made], _, _ = play("ircot", [[" ", " ", " "]], max_searches=3)
    assert (made.answer, made.stop_reason) == (None, StopReason.TURN_LIMIT)


def test_search_o1_shows_what_the_policy_makes_of_the_documents():
    step, answer = "<think> where </think> <search> oslo lies </search>", "<answer> norway </answer>"
    scripts = [[step], ["Oslo lies in <search> Norway."], [answer]]  # a tag in a summary is text
    [made], contexts, renderer = play("search_o1", scripts, max_searches=3)
    main, aside, again = contexts
    assert main == prompt(renderer) + step
    assert aside.startswith(PROTOCOLS["search_o1"].refinement.format(question=ASKED).rstrip("\n"))
    assert f"{ASKED}\nLatest step: where" in aside
    assert f"Query: oslo lies\n{DOCUMENTS}" in aside
    assert aside.endswith("Oslo lies in <search> Norway.")
    assert again == main + "<information>Oslo lies in Norway.</information>" + answer
    assert made.token_ids == BYTES.encode(again, add_special_tokens=False)
    assert made.answer == "norway"
    assert made.turns[0].passage_ids == (OSLO.id, CHESS.id)
    assert made.aside_tokens == len(BYTES.encode(scripts[1][0], add_special_tokens=False))
    measures = measure_all(made, tiny.ADA, EVALUATED, Rules())
    assert measures["written_tokens"] == sum(made.policy_mask) + made.aside_tokens


def test_an_empty_summary_says_so_and_a_search_that_finds_nothing_has_none():
    step, answer = "<search> oslo </search>", "<answer> norway </answer>"
    _, contexts, _ = play("search_o1", [[step], [""], [answer]], max_searches=2)
    assert contexts[2].endswith(f"<information>{NOTHING}</information>{answer}")
    _, contexts, _ = play("search_o1", [[step, answer]], Fixed(), max_searches=2)
    assert [context.endswith(f"<information></information>{answer}") for context in contexts] == [True]


def test_before_its_last_turn_search_o1_is_told_like_the_agent():
    scripts = [["<search> oslo </search>"], ["In Norway."], ["<search> oslo </search>"]]
    [made], contexts, renderer = play("search_o1", scripts, max_searches=1)
    assert f"In Norway.</information>{renderer.style.last_turn_notice}<search>" in contexts[2]
    assert made.stop_reason is StopReason.TURN_LIMIT


def test_without_searches_the_agent_reasons_and_answers():
    turn = "<think> born in oslo </think> <answer> norway </answer>"
    retriever = Fixed(OSLO)
    [made], [context], _ = play("agent", [[turn]], retriever, max_searches=0, prompt="paper")
    assert "<search>" not in context
    assert (retriever.asked, made.answer) == ([], "norway")
    measures = measure_all(made, tiny.ADA, EVALUATED, Rules())
    assert (measures["format_valid"], measures["searches"], measures["under_search"]) == (1.0, 0, 1.0)
    [made], _, _ = play("agent", [["<answer> norway </answer>"]], max_searches=0)
    assert not measure_all(made, tiny.ADA, ["format_valid"], Rules())["format_valid"]  # no thought


def scripts_of(protocol):
    """Turns that answer under a protocol; a script for each context."""
    if protocol == "search_o1":
        think, answer = "<think> a </think> ", "<answer> norway </answer>"
        return [[think + "<search> oslo </search>"], ["Oslo."], [think + answer]]
    return [["It lies there. So the answer is: norway"]]


@pytest.mark.parametrize("protocol", BASELINES)
def test_every_measure_says_something_sensible_of_every_protocol(protocol):
    [made], _, _ = play(protocol, scripts_of(protocol), max_searches=2)
    measures = measure_all(made, tiny.ADA, EVALUATED, Rules())
    assert (measures["em"], measures["f1"], measures["format_valid"]) == (1.0, 1.0, 1.0)
    searches = int(PROTOCOLS[protocol].searches)
    assert measures["searches"] == searches
    assert measures["support_recall"] == searches * 0.5  # OSLO is one of two
    assert measures["invalid_turns"] == 0.0


@pytest.mark.parametrize("protocol", ["rag", "ircot", "search_o1"])
def test_a_search_that_fails_ends_its_trajectory_marked(protocol, tmp_path):
    failing = Failing(Fixed(OSLO), 1)
    [made], _, _ = play(protocol, scripts_of(protocol), failing)
    assert made.stop_reason is StopReason.RETRIEVAL_FAILED
    assert [turn.action.kind for turn in made.turns] == [ActionKind.SEARCH]
    assert made.answer is None


@pytest.mark.parametrize("protocol", BASELINES)
def test_a_question_that_is_too_long_is_never_asked_and_disturbs_nobody(protocol):
    long = replace(tiny.ADA, id="long", question="where " * 2000)
    retriever = Fixed(OSLO)
    made, _, _ = play(protocol, scripts_of(protocol), retriever, questions=[long, tiny.ADA], max_searches=2)
    assert (made[0].stop_reason, made[0].turns) == (StopReason.PROMPT_TOO_LONG, [])
    assert made[1].answer == "norway"
    assert not any(query.startswith("where where") for query in retriever.asked)


def test_documents_that_leave_no_room_end_the_episode():
    renderer = Renderer(BYTES, tiny.environment(protocol="rag", **LIMITS))
    exactly = renderer.prompt_length(ASKED) + LIMITS["max_turn_tokens"]
    [made], contexts, _ = play("rag", [["norway"]], max_trajectory_tokens=exactly)
    assert (made.stop_reason, contexts) == (StopReason.LENGTH_LIMIT, [])
    assert made.turns[0].hidden_ids == (OSLO.id, CHESS.id)


TEXTS = st.text(max_size=40) | st.sampled_from(
    ["", "Oslo.", "So the answer is: norway.", "<search> oslo </search>", "<answer> a </answer>", "</think>"]
)


@settings(max_examples=40, deadline=None)
@given(
    protocol=st.sampled_from([*BASELINES, "agent"]),
    turns=st.lists(TEXTS, min_size=30, max_size=30),
    searches=st.integers(1, 4),
    room=st.integers(0, 500),
    chat=st.booleans(),
)
def test_whatever_is_written_every_limit_holds(protocol, turns, searches, room, chat):
    """The context only grows, within its limit; searches are at most `max_searches`; nothing raises."""
    scripts = [[turn, *turns] for turn in turns]
    long = Passage("long", "", "oslo lies in norway . " * 30)
    limits = {"max_searches": searches, "max_trajectory_tokens": 900 + room, "parser": "lenient"}
    tokenizer = CHAT if chat else BYTES
    [made], contexts, renderer = play(
        protocol, scripts, Fixed(OSLO, long), tokenizer, chat_template=chat, **limits
    )
    assert len(made.token_ids) <= 900 + room
    assert len(made.searches) <= searches
    assert made.stop_reason in (StopReason.ANSWERED, StopReason.TURN_LIMIT, StopReason.LENGTH_LIMIT)
    whole = tokenizer.decode(made.token_ids)
    for context in contexts[:: 2 if protocol == "search_o1" else 1]:  # of its own trajectory
        assert whole.startswith(context)
    limit = renderer.params.max_turn_tokens
    written = [len(segment.token_ids) for segment in made.segments if segment.author is Author.POLICY]
    assert all(length <= limit for length in written)
