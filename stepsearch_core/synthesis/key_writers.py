"""Who writes the candidates of a step's search keys: rules, or a language model behind a service.

A model is asked for each step by itself, several at once; it sees the resolved sub-question and neither the
answer nor the support, so it can give away only what it knows. What a service does not answer, or not as it
should, leaves a step without candidates and is counted by its reason; only where nothing at all came back
that could be used does the work end, and soon if the service does not answer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, create_model
from tqdm import tqdm

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.text import words
from stepsearch_core.base.types import Hop, Passage
from stepsearch_core.endpoint.endpoint import REPLIES, Endpoint, EndpointError, Reason
from stepsearch_core.endpoint.prompts import read_prompt
from stepsearch_core.endpoint.usage import Usage
from stepsearch_core.params import Params
from stepsearch_core.synthesis.search_keys import KeyKind, SearchKey, candidate_keys
from stepsearch_core.synthesis.sub_questions import SubQuestion, lower_words

PROMPT = Path(__file__).with_name("keys_prompt.md")
FIRST = 4
"""Times as many steps as are asked at once: if none of them is answered, none will be."""
LONGEST = 200
"""Characters; a longer candidate is no query."""
_ASKED_LENGTH = 100
"""Characters that a service is asked to keep a candidate to."""
_TOKENS = 32
_TOKENS_A_KEY = 40

Step = tuple[Hop, SubQuestion]


class KeyWriter(Protocol):
    """Writes candidates."""

    def __call__(self, steps: Sequence[Step], failed: Counter[str]) -> list[list[SearchKey]]:
        """Distinct candidates of each step; why there are none is counted in `failed`."""
        ...


class Rules:
    """`search_keys` with words that were mined."""

    def __init__(self, mined: Mapping[str, Sequence[str]], passage: Callable[[str], Passage]) -> None:
        """Write with mined words by relation; `passage` gives supports by their ids."""
        self._mined, self._passage = mined, passage

    def __call__(self, steps: Sequence[Step], failed: Counter[str]) -> list[list[SearchKey]]:
        """See `KeyWriter`; rules do not fail."""
        return [self._keys(hop, asked) for hop, asked in steps]

    def _keys(self, hop: Hop, asked: SubQuestion) -> list[SearchKey]:
        supports = map(self._passage, hop.support_ids)
        own = {word for support in supports for word in lower_words(support.contents)}
        return candidate_keys(asked, self._mined.get(asked.relation, ()), own)


class Keys(BaseModel):
    """A model's reply."""

    model_config = ConfigDict(extra="forbid")
    keys: list[str] = Field(min_length=1)


def keys_form(count: int) -> type[Keys]:
    """`Keys` with a schema that asks for so many one-line texts, though fewer or longer ones are read, too.

    A service that decodes by the schema can so keep a weak model from repeating itself to its limit.
    """
    text = Annotated[str, Field(json_schema_extra={"pattern": f"^[^\\n]{{1,{_ASKED_LENGTH}}}$"})]
    number = Field(min_length=1, json_schema_extra={"minItems": count, "maxItems": count})
    return create_model("Keys", __base__=Keys, keys=(list[text], number))


class Model:
    """The model `synthesize.generator_model` of the service `endpoint.url`."""

    def __init__(self, params: Params, replies: Path = REPLIES) -> None:
        """Reach it.

        Raises:
            DataError: `synthesize.generator_prompt` cannot be read, or holds nothing.
        """
        own = params.synthesize
        self._told = read_prompt(own.generator_prompt, PROMPT, "synthesize.generator_prompt")
        self._count = own.candidates_per_hop
        self._form = keys_form(self._count)
        self._endpoint = Endpoint(params.endpoint, str(own.generator_model), replies)
        self._at_once = params.endpoint.concurrency

    def __call__(self, steps: Sequence[Step], failed: Counter[str]) -> list[list[SearchKey]]:
        """See `KeyWriter`.

        Raises:
            ExplainedError: not one of the first steps was answered, or there is no key at all.
        """
        told = self._told_of(list(dict.fromkeys(step.question for _, step in steps)))
        made = [told[step.question] for _, step in steps]
        failed.update(f"endpoint: {reply.reason}" for reply in made if isinstance(reply, EndpointError))
        keys = [[] if isinstance(reply, EndpointError) else _distinct(reply, failed) for reply in made]
        if keys and not any(keys):
            counts = ", ".join(f"{count} x {reason}" for reason, count in failed.items() if count)
            raise ExplainedError(f"{self._endpoint.model} wrote no search key that can be used: {counts}")
        return keys

    def _told_of(self, asked: Sequence[str]) -> dict[str, list[str] | EndpointError]:
        """What it says of each sub-question."""
        told: dict[str, list[str] | EndpointError] = {}
        with ThreadPoolExecutor(self._at_once) as pool:
            replies = tqdm(pool.map(self._ask, asked), "asking for search keys", len(asked), unit=" steps")
            for question, reply in zip(asked, replies, strict=True):
                told[question] = reply
                if len(told) == FIRST * self._at_once and all(map(_is_silence, told.values())):
                    pool.shutdown(cancel_futures=True)
                    raise ExplainedError(f"none of the first {len(told)} steps was answered: {reply}")
        return told

    def estimate(self, steps: Sequence[Step]) -> Usage:
        """What writing for these steps would take; nothing is asked."""
        distinct = dict.fromkeys(step.question for _, step in steps)
        estimates = (self._endpoint.estimate(*self._request(asked)) for asked in distinct)
        return sum(estimates, Usage())

    @property
    def usage(self) -> Usage:
        """What writing has taken so far."""
        return self._endpoint.usage

    def _request(self, sub_question: str) -> tuple[str, str, type[Keys], int]:
        asked = json.dumps({"asked": sub_question, "queries": self._count}, ensure_ascii=False)
        return self._told, asked, self._form, _TOKENS + self._count * _TOKENS_A_KEY

    def _ask(self, sub_question: str) -> list[str] | EndpointError:
        try:
            return self._endpoint.ask(*self._request(sub_question)).keys[: self._count]
        except EndpointError as error:
            return error


def _is_silence(reply: list[str] | EndpointError) -> bool:
    """Whether the service did not answer, rather than the model not as it should."""
    silent = (Reason.UNREACHABLE, Reason.TIMEOUT, Reason.REFUSED)
    return isinstance(reply, EndpointError) and reply.reason in silent


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
