"""The JSON of `POST /v1/chat/completions`: what is taken of OpenAI's request, and what is refused.

The last message, which is the user's, is the question: the agent was trained on questions that stand alone,
so what was said before it is not shown to the policy, and the answer says how many messages that were. What
would change the answer and cannot be had (tools, several choices, penalties, ...) is refused; a field that
nobody here knows is ignored, as OpenAI does.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from stepsearch_core.agent_server.episodes import Asked
from stepsearch_core.serving.protocol import Count
from stepsearch_core.serving.refusals import RefusalError

MAX_MESSAGES = 2048
_SEEDS = 2**63
ONLY: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "top_p": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "stop": ([], ""),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
}
"""Fields of OpenAI's that ask for what is not done here, and the values, besides null, that do not."""


def _encodable(value: str) -> str:
    value.encode()  # a UnicodeEncodeError is a ValueError, and so a refusal
    return value


Text = Annotated[str, AfterValidator(_encodable)]
"""Without lone surrogates, which no tokenizer takes."""


class Part(BaseModel):
    """A part of a message; only text can be read."""

    type: str
    text: Text | None = None


class ChatMessage(BaseModel):
    """A message of the conversation."""

    role: str
    content: Text | list[Part] | None = None


class StreamOptions(BaseModel):
    """What a stream tells besides the answer."""

    include_usage: bool = False


class ChatRequest(BaseModel, extra="allow"):
    """A question. Temperature 0, the default, answers greedily."""

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: Count | None = Field(None, ge=1)
    max_tokens: Count | None = Field(None, ge=1)
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    seed: Annotated[Count, Field(ge=-_SEEDS, lt=_SEEDS)] | None = None
    user: str | None = None

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with a count of tokens."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def unread(self) -> int:
        """Messages that the policy is not shown."""
        return len(self.messages) - 1

    def asked(self) -> Asked:
        """The question and how to answer it.

        Raises:
            RefusalError: 400, as it asks for what cannot be done, or for nothing.
        """
        for field, allowed in ONLY.items():
            value = (self.model_extra or {}).get(field)
            if value is not None and value not in allowed:
                raise _bad(field, "unsupported_parameter", "not supported by this server")
        limits = [limit for limit in (self.max_completion_tokens, self.max_tokens) if limit is not None]
        return Asked(
            question=_question(self.messages[-1]),
            temperature=self.temperature or 0.0,
            seed=self.seed,
            most_written=min(limits, default=None),
        )


def _question(message: ChatMessage) -> str:
    if message.role != "user":
        raise _bad(
            "messages", "invalid_request", f"the last one is of role {message.role!r}, not of the user"
        )
    parts = (
        [Part(type="text", text=message.content)] if isinstance(message.content, str) else message.content
    )
    for part in parts or ():
        if part.type != "text" or part.text is None:
            raise _bad("messages", "unsupported_content", f"{part.type!r} cannot be read, only text can")
    question = "\n".join(part.text or "" for part in parts or ()).strip()
    if not question:
        raise _bad("messages", "invalid_request", "the last one is empty")
    return question


def _bad(field: str, word: str, problem: str) -> RefusalError:
    return RefusalError(400, word, f"{field}: {problem}", field=field)


def openai_error(refusal: RefusalError) -> dict[str, Any]:
    """A refusal in OpenAI's shape."""
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    if refusal.status == 429:
        kind = "rate_limit_error"
    error = {"message": refusal.message, "type": kind, "param": refusal.field, "code": refusal.word}
    return {"error": error}


class ErrorBody(BaseModel):
    """What went wrong: a sentence, its kind, the field of the request, a word for programs."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorResponse(BaseModel):
    """Why there is no answer."""

    error: ErrorBody
