"""What a client is told: OpenAI's chat completion, whole or as chunks of a stream.

The answer is the `content`. What the policy thought and searched for is `reasoning_content`, as reasoning
models' servers have it, a line each. Every passage that was shown is an annotation: a `url_citation` whose
URL is `passage:ID`, for clients that know no other kind, with the passage itself and the query that found
it beside it. `stepsearch` holds what OpenAI has no field for.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from stepsearch_core.agent_server.episodes import ServedEpisode
from stepsearch_core.asking import turn_lines
from stepsearch_core.base.types import ActionKind, StopReason
from stepsearch_core.rollout.records import TurnRecord


class Citation(BaseModel):
    """Where a passage is cited: the whole answer, as far as it is known."""

    start_index: int
    end_index: int
    title: str
    url: str


class CitedPassage(BaseModel):
    """A passage as it was shown, `cut` where it was too long, and the query that found it first."""

    id: str
    title: str
    text: str
    cut: bool
    query: str


class Annotation(BaseModel):
    """A passage that the policy was shown."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: Citation
    passage: CitedPassage


class Message(BaseModel):
    """The answer, and how it was come by."""

    role: Literal["assistant"] = "assistant"
    content: str
    reasoning_content: str
    annotations: list[Annotation]
    refusal: None = None


class Choice(BaseModel):
    """The one choice; `length` says that a limit was met before there was an answer."""

    index: Literal[0] = 0
    message: Message
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class PromptDetails(BaseModel):
    """Of the tokens that were read, those of passages and notices."""

    retrieved_tokens: int


class CompletionDetails(BaseModel):
    """Of the tokens that were written, those of turns that were no answer."""

    reasoning_tokens: int


class Usage(BaseModel):
    """Tokens read and written, each once, however many turns there were."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class Search(BaseModel):
    """A query and the passages that were shown for it, by id."""

    query: str
    passage_ids: list[str]


class About(BaseModel):
    """Why the episode ended, its searches, and how many messages of the request were not read."""

    stop_reason: StopReason
    searches: list[Search]
    unread_messages: int


class Completion(BaseModel):
    """A chat completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    stepsearch: About


class Head:
    """What stands at the head of an answer and of every chunk of it."""

    def __init__(self, model: str) -> None:
        self.fields: dict[str, Any] = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
        }

    def completion(self, episode: ServedEpisode, unread: int) -> Completion:
        """The whole answer of an episode that has ended."""
        content = episode.trajectory.answer or ""
        message = Message(
            content=content,
            reasoning_content="".join(map(reasoning, episode.told)),
            annotations=[one for turn in episode.told for one in citations(turn, len(content))],
        )
        return Completion(
            **self.fields,
            choices=[Choice(message=message, finish_reason=finish_reason(episode))],
            usage=usage(episode),
            stepsearch=about(episode, unread),
        )

    def chunk(self, delta: dict[str, Any], reason: str | None = None, **more: Any) -> str:
        """An event of a stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return self._event([choice], **more)

    def usage_chunk(self, episode: ServedEpisode) -> str:
        """The event behind the last one of the answer, with no choice."""
        return self._event([], usage=usage(episode).model_dump())

    def _event(self, choices: Sequence[dict[str, Any]], **more: Any) -> str:
        return event({**self.fields, "object": "chat.completion.chunk", "choices": choices, **more})


def event(value: dict[str, Any]) -> str:
    """A server-sent event, in ASCII: some clients take other characters for line ends."""
    return f"data: {json.dumps(value)}\n\n"


DONE = "data: [DONE]\n\n"
"""The last event of a stream."""


def turn_delta(turn: TurnRecord) -> dict[str, Any]:
    """What a turn adds to a streamed message, but for the answer."""
    delta: dict[str, Any] = {}
    if thought := reasoning(turn):
        delta["reasoning_content"] = thought
    if cited := citations(turn, 0):
        delta["annotations"] = [one.model_dump() for one in cited]
    return delta


def reasoning(turn: TurnRecord) -> str:
    """Lines on what the policy thought and did in a turn; its answer stands elsewhere."""
    lines = turn_lines(turn)
    return "".join(f"{line}\n" for line in (lines[:-1] if turn.action is ActionKind.ANSWER else lines))


def citations(turn: TurnRecord, length: int) -> list[Annotation]:
    """The passages of a turn that no earlier one showed; `length`: of the answer, 0 if it is to come."""
    return [
        Annotation(
            url_citation=Citation(
                start_index=0, end_index=length, title=shown.title, url=f"passage:{shown.id}"
            ),
            passage=CitedPassage(
                id=shown.id, title=shown.title, text=shown.text, cut=shown.cut, query=turn.query or ""
            ),
        )
        for shown in turn.passages
        if not shown.repeated
    ]


def finish_reason(episode: ServedEpisode) -> Literal["stop", "length"]:
    """`length` where turns or tokens were used up without an answer."""
    return "stop" if episode.trajectory.stop_reason is StopReason.ANSWERED else "length"


def usage(episode: ServedEpisode) -> Usage:
    """The tokens of an episode that has ended."""
    trajectory = episode.trajectory
    whole, written = len(trajectory.token_ids), sum(trajectory.policy_mask)
    return Usage(
        prompt_tokens=whole - written,
        completion_tokens=written,
        total_tokens=whole,
        prompt_tokens_details=PromptDetails(retrieved_tokens=trajectory.response_length - written),
        completion_tokens_details=CompletionDetails(reasoning_tokens=written - episode.answer_tokens),
    )


def about(episode: ServedEpisode, unread: int) -> About:
    """What OpenAI has no field for."""
    searches = [
        Search(query=turn.query, passage_ids=[shown.id for shown in turn.passages])
        for turn in episode.told
        if turn.query is not None
    ]
    stop_reason = episode.trajectory.stop_reason
    return About(stop_reason=stop_reason, searches=searches, unread_messages=unread)
