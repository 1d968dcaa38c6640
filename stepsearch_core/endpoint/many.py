"""Many requests to a service, several at once, with progress; given up where it does not answer at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel
from tqdm import tqdm

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.endpoint.endpoint import Endpoint, EndpointError, Reason
from stepsearch_core.endpoint.usage import Usage

FIRST = 4
"""Times as many as are asked at once: if none of them is answered, none will be."""
_GONE = (Reason.UNREACHABLE, Reason.TIMEOUT)
_SILENT = (*_GONE, Reason.REFUSED)
"""Of many requests; a few may be refused for what they are."""
Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Request(Generic[Form]):
    """What `Endpoint.ask` is given."""

    told: str
    asked: str
    form: type[Form]
    max_tokens: int


def ask_all(endpoint: Endpoint, requests: Sequence[Request[Form]], what: str) -> list[Form | EndpointError]:
    """The reply to each request, or why there is none; equal requests are asked once.

    Args:
        endpoint: is asked.
        requests: in any number.
        what: they are about, for the progress bar.

    Raises:
        ExplainedError: the service could not be reached for any of them, or answered none of the first ones.
    """
    distinct = list(dict.fromkeys(requests))
    told: dict[Request[Form], Form | EndpointError] = {}

    def ask(request: Request[Form]) -> Form | EndpointError:
        try:
            return endpoint.ask(request.told, request.asked, request.form, request.max_tokens)
        except EndpointError as error:
            return error

    few = FIRST * endpoint.concurrency
    with ThreadPoolExecutor(endpoint.concurrency) as pool:
        replies = tqdm(pool.map(ask, distinct), f"asking for {what}", len(distinct), unit=" requests")
        for request, reply in zip(distinct, replies, strict=True):
            told[request] = reply
            first = len(told) == min(few, len(distinct))
            if first and _is_silence(told.values(), _SILENT if len(told) == few else _GONE):
                pool.shutdown(cancel_futures=True)
                problem = f"none of the first {len(told)} was answered: {reply}"
                raise ExplainedError(f"asking for {what}: {problem}")
    return [told[request] for request in requests]


def estimate_all(endpoint: Endpoint, requests: Sequence[Request[Form]]) -> Usage:
    """What `ask_all` would take; nothing is asked."""
    distinct = dict.fromkeys(requests)
    return sum((endpoint.estimate(r.told, r.asked, r.form, r.max_tokens) for r in distinct), Usage())


def _is_silence(replies: Iterable[BaseModel | EndpointError], reasons: Collection[Reason]) -> bool:
    """Whether there is no reply for one of these reasons alone."""
    return all(isinstance(reply, EndpointError) and reply.reason in reasons for reply in replies)
