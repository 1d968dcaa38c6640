"""Search keys by a language model behind a service.

It is asked for each step by itself, several at once; it sees the resolved sub-question and neither the
answer nor the support, so it can give away only what it knows. What a service does not answer, or not as it
should, leaves a step without candidates and is counted by its reason; only where nothing at all came back
that could be used does the work end, and soon if the service does not answer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, create_model

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.text import words
from stepsearch_core.endpoint.endpoint import Endpoint, EndpointError
from stepsearch_core.endpoint.forms import line
from stepsearch_core.endpoint.many import Request, ask_all
from stepsearch_core.params import SynthesizeParams
from stepsearch_core.synthesis.search_keys import KeyKind, SearchKey
from stepsearch_core.synthesis.sub_questions import Step
from stepsearch_core.synthesis.told import told

LONGEST = 200
"""Characters; a longer candidate is no query."""
_ASKED_LENGTH = 100
"""Characters that a service is asked to keep a candidate to."""
_TOKENS = 32
_TOKENS_A_KEY = 40


class Keys(BaseModel):
    """A model's reply."""

    model_config = ConfigDict(extra="forbid")
    keys: list[str] = Field(min_length=1)


def keys_form(count: int) -> type[Keys]:
    """`Keys` with a schema that asks for so many lines, though fewer or longer ones are read, too."""
    text = Annotated[str, line(_ASKED_LENGTH)]
    number = Field(min_length=1, json_schema_extra={"minItems": count, "maxItems": count})
    return create_model("Keys", __base__=Keys, keys=(list[text], number))


class Model:
    """The model `synthesize.generator_model` of the service `endpoint.url`."""

    def __init__(self, params: SynthesizeParams, endpoint: Endpoint) -> None:
        """Ask this model.

        Raises:
            DataError: what `synthesize.prompts` names cannot be read, or holds nothing.
        """
        self._told = told("keys", params.prompts)
        self._count = params.candidates_per_hop
        self._form = keys_form(self._count)
        self._endpoint = endpoint

    def __call__(self, steps: Sequence[Step], failed: Counter[str]) -> list[list[SearchKey]]:
        """See `KeyWriter`.

        Raises:
            ExplainedError: the service does not answer, or there is no key at all.
        """
        replies = ask_all(self._endpoint, self.requests(steps), "search keys")
        failed.update(reply.counted_as for reply in replies if isinstance(reply, EndpointError))
        keys = [
            [] if isinstance(reply, EndpointError) else _distinct(reply.keys[: self._count], failed)
            for reply in replies
        ]
        if keys and not any(keys):
            counts = ", ".join(f"{count} x {reason}" for reason, count in failed.items() if count)
            raise ExplainedError(f"{self._endpoint.model} wrote no search key that can be used: {counts}")
        return keys

    def requests(self, steps: Sequence[Step]) -> list[Request[Keys]]:
        """What is asked for each step."""
        most = _TOKENS + self._count * _TOKENS_A_KEY
        asked = ({"asked": step.question, "queries": self._count} for _, step in steps)
        return [Request(self._told, json.dumps(one, ensure_ascii=False), self._form, most) for one in asked]


def _distinct(texts: Sequence[str], failed: Counter[str]) -> list[SearchKey]:
    distinct: dict[tuple[str, ...], SearchKey] = {}
    for text in (" ".join(text.split()) for text in texts):
        own = tuple(sorted(words(text)))
        if not own:
            failed["empty key"] += 1
        elif len(text) > LONGEST:
            failed["key too long"] += 1
        elif own in distinct:
            failed["key written twice"] += 1
        else:
            distinct[own] = SearchKey(text, KeyKind.MODEL)
    return list(distinct.values())
