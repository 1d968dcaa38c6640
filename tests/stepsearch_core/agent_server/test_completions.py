import json

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from stepsearch_core.agent_server.completions import (
    Head,
    about,
    citations,
    event,
    finish_reason,
    reasoning,
    turn_delta,
    usage,
)
from stepsearch_core.agent_server.episodes import Asked, ServedEpisode
from stepsearch_core.base.types import ActionKind, StopReason
from tests import tiny
from tests.stepsearch_core.agent_server.conftest import ANSWER, RENDERER, SEARCH


def played(*turns, found=tiny.PASSAGES[:2]):
    """An episode of these turns, each search of which finds the same."""
    made = ServedEpisode(Asked("where"), RENDERER, lambda turn: None, lambda: None)
    for text in turns:
        action = made.act(*RENDERER.written(text, 12))
        if not made.done:
            made.observe(found if action.kind is ActionKind.SEARCH else None)
    return made


def test_an_answer_is_one_of_openai_s_with_what_is_ours_beside_it():
    answer = Head("ours").completion(played(SEARCH, ANSWER), unread=3).model_dump(mode="json")
    read = ChatCompletion.model_validate(answer)
    assert (read.model, read.choices[0].message.content) == ("ours", "oslo")
    assert read.choices[0].finish_reason == "stop"
    assert (read.model_extra or {})["stepsearch"]["unread_messages"] == 3
    assert read.id.startswith("chatcmpl-")


def test_chunks_are_openai_s():
    head, episode = Head("ours"), played(SEARCH, ANSWER)
    events = [
        head.chunk({"role": "assistant"}),
        *(head.chunk(turn_delta(turn)) for turn in episode.told),
        head.chunk({}, "stop"),
        head.usage_chunk(episode),
    ]
    chunks = [
        ChatCompletionChunk.model_validate(json.loads(one.removeprefix("data: ").removesuffix("\n\n")))
        for one in events
    ]
    assert (
        chunks[1]
        .choices[0]
        .delta.model_dump()["reasoning_content"]
        .startswith("thought: the birthplace\nsearch: ")
    )
    assert chunks[-1].usage.total_tokens == len(episode.trajectory.token_ids)


def test_an_event_is_one_line_whatever_it_holds():
    made = event({"a": "\n\r\n\u2028 data: é"})
    assert made.startswith("data: ")
    assert made.endswith("\n\n")
    assert made[:-2].splitlines() == [made[:-2]]
    assert json.loads(made[6:]) == {"a": "\n\r\n\u2028 data: é"}


def test_tokens_are_counted_once_by_who_wrote_them():
    episode = played(SEARCH, ANSWER)
    prompt, search, shown, answer = (len(segment.token_ids) for segment in episode.trajectory.segments)
    counted = usage(episode)
    assert counted.prompt_tokens == prompt + shown
    assert counted.prompt_tokens_details.retrieved_tokens == shown
    assert counted.completion_tokens == search + answer
    assert counted.completion_tokens_details.reasoning_tokens == search


def test_a_passage_is_cited_where_it_was_found_first():
    first, again, _ = played(SEARCH, SEARCH, ANSWER).told
    assert [one.passage.id for one in citations(first, 4)] == [one.id for one in tiny.PASSAGES[:2]]
    assert {(one.url_citation.start_index, one.url_citation.end_index) for one in citations(first, 4)} == {
        (0, 4)
    }
    assert citations(again, 4) == []
    told = about(played(SEARCH, SEARCH, ANSWER), 0)
    assert [len(search.passage_ids) for search in told.searches] == [2, 2]


def test_thoughts_and_searches_are_lines_and_the_answer_is_none_of_them():
    search, answer = played(SEARCH, ANSWER, found=[]).told
    assert reasoning(search) == "thought: the birthplace\nsearch: ada born\n  found: nothing\n"
    assert reasoning(answer) == "thought: that is it\n"
    assert turn_delta(played("<answer> oslo </answer>").told[0]) == {}


@pytest.mark.parametrize(
    ("turns", "reason", "stop"),
    [
        ([SEARCH, ANSWER], "stop", StopReason.ANSWERED),
        ([SEARCH] * 3, "length", StopReason.TURN_LIMIT),
        (["nonsense"] * 3, "length", StopReason.TURN_LIMIT),
    ],
)
def test_without_an_answer_a_limit_was_met(turns, reason, stop):
    episode = played(*turns)
    assert finish_reason(episode) == reason
    assert about(episode, 0).stop_reason is stop
