"""Asks an OpenAI-compatible service for objects of a known form; what it said once is not asked again.

The official client does HTTP, time-outs and retries (of connections, 408, 409, 429 and what the server
breaks: <https://github.com/openai/openai-python#retries>). Replies are kept on disk by the hash of all that
was asked, so work that was killed goes on without asking again. A model is known by its name alone, wherever
it is served. What failed is not kept, and is typed: `EndpointError.reason` is a word to count it under.
"""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from diskcache import Cache
from pydantic import BaseModel, ValidationError

from stepsearch_core.base.hashes import sha256_json
from stepsearch_core.endpoint.usage import CHARACTERS, Usage
from stepsearch_core.params import EndpointParams
from stepsearch_core.runtime.work_folder import ROOT

KEY = "OPENAI_API_KEY"
"""The environment variable with the service's key, as the client names it."""
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError)
"""What comes of reading any other body with status 200, which the client passes on unchecked."""
REPLIES = ROOT / "endpoint"
"""Where stages keep replies."""
Form = TypeVar("Form", bound=BaseModel)


class Reason(StrEnum):
    """Why there is no reply that can be used."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    """The service answered with an error."""
    DECLINED = "declined"
    """The model declined, or said nothing."""
    CUT_OFF = "cut_off"
    """The reply met its limit of tokens."""
    MALFORMED = "malformed"
    """The reply is not of the form asked for."""


class EndpointError(Exception):
    """No reply that can be used."""

    def __init__(self, reason: Reason, problem: str) -> None:
        self.reason, self.problem = reason, problem
        super().__init__(reason, problem)

    def __str__(self) -> str:
        return f"{self.reason}: {self.problem}"

    @property
    def counted_as(self) -> str:
        """What reports count it under."""
        return f"endpoint: {self.reason}"


class Endpoint:
    """A model of a service."""

    def __init__(self, params: EndpointParams, model: str, folder: Path | None = None) -> None:
        """Reach it as `params` say.

        Args:
            params: `url` is that of the service.
            model: one of its names.
            folder: of replies that are kept; is made if need be. Processes share it. None: none are kept.
        """
        import openai  # takes most of a second, and few runs ask a service

        self._openai = openai
        self.model = model
        self.usage = Usage()
        self.concurrency = params.concurrency
        """Requests that may be in flight."""
        self._counting = Lock()
        self._reasoning_tokens = params.reasoning_tokens
        self._client = openai.OpenAI(
            base_url=params.url,
            api_key=os.environ.get(KEY) or "none",
            timeout=params.timeout,
            max_retries=params.attempts - 1,
        )
        self._kept: Any = {} if folder is None else Cache(str(folder), eviction_policy="none")

    def ask(self, told: str, asked: str, form: type[Form], max_tokens: int) -> Form:
        """The model's reply, greedy.

        Args:
            told: the system message.
            asked: the user's message.
            form: what the reply has to be; the service gets its JSON schema. It has to forbid other fields,
                which OpenAI's strict schemas demand.
            max_tokens: of the reply; `endpoint.reasoning_tokens` come on top.

        Raises:
            EndpointError: there is none.
        """
        request = self._request(told, asked, form, max_tokens)
        key = sha256_json(request)
        kept = self._kept.get(key)
        if kept is not None:
            self._count(Usage(kept=1))
        text = self._asked(request) if kept is None else kept
        try:
            reply = form.model_validate_json(text)
        except ValidationError as error:
            problem = f"{_short(text)}: {error.errors()[0]['msg']}"
            raise EndpointError(Reason.MALFORMED, problem) from error
        if kept is None:
            self._kept[key] = text
        return reply

    def estimate(self, told: str, asked: str, form: type[Form], max_tokens: int) -> Usage:
        """What `ask` would take: of a reply as many tokens as it may have, of the prompt some."""
        request = self._request(told, asked, form, max_tokens)
        if self._kept.get(sha256_json(request)) is not None:
            return Usage(kept=1)
        prompt = len(told) + len(asked) + len(json.dumps(form.model_json_schema()))
        return Usage(1, 0, prompt // CHARACTERS, max_tokens + self._reasoning_tokens)

    def models(self) -> list[str]:
        """The names of the service's models.

        Raises:
            EndpointError: it does not say.
        """
        try:
            return [model.id for model in self._client.models.list()]
        except (self._openai.OpenAIError, *_UNREADABLE) as error:
            raise self._failure(error) from error

    def _request(self, told: str, asked: str, form: type[Form], max_tokens: int) -> dict[str, Any]:
        schema = {"name": form.__name__, "schema": form.model_json_schema(), "strict": True}
        return {
            "model": self.model,
            "messages": [{"role": "system", "content": told}, {"role": "user", "content": asked}],
            "temperature": 0.0,
            "max_tokens": max_tokens + self._reasoning_tokens,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }

    def _count(self, more: Usage) -> None:
        with self._counting:
            self.usage += more

    def _asked(self, request: dict[str, Any]) -> str:
        self._count(Usage(requests=1))
        try:
            completion = self._client.chat.completions.create(**request)
            choice = completion.choices[0]
            text, refusal, ended = choice.message.content, choice.message.refusal, choice.finish_reason
            if (used := completion.usage) is not None:
                tokens = int(used.prompt_tokens), int(used.completion_tokens)
                self._count(Usage(prompt_tokens=tokens[0], reply_tokens=tokens[1]))
        except (self._openai.OpenAIError, *_UNREADABLE) as error:
            raise self._failure(error) from error
        if ended == "length":
            problem = f"after {request['max_tokens']} tokens: {_short(text or '')}"
            raise EndpointError(Reason.CUT_OFF, problem)
        if not text:
            raise EndpointError(Reason.DECLINED, _short(refusal or "an empty reply"))
        return str(text)

    def _failure(self, error: Exception) -> EndpointError:
        if isinstance(error, self._openai.APITimeoutError):
            return EndpointError(Reason.TIMEOUT, str(error))
        if isinstance(error, self._openai.APIConnectionError):
            return EndpointError(Reason.UNREACHABLE, f"{self._client.base_url}: {error}")
        if isinstance(error, _UNREADABLE):
            problem = f"{self._client.base_url}: no reply of this protocol ({_short(str(error))})"
            return EndpointError(Reason.MALFORMED, problem)
        return EndpointError(Reason.REFUSED, _short(str(error)))


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}..."
