"""Requests to a service that outlive its troubles; many threads may make them at once.

What may be otherwise in a moment is asked again, after a random and growing while and no sooner than
`Retry-After` says: no connection, a time-out, half an answer, 429, 5xx, garbage. Other statuses are final.
A request that was in vain for as long as the patience lasts opens a circuit breaker: the next ones fail at
once, but for one attempt now and then, and the first that succeeds closes it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
from circuitbreaker import CircuitBreaker
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from stepsearch_core.retrieval.retriever import (
    FinalRetrievalError,
    RetrievalTimeoutError,
    RetrievalUnavailableError,
)

Answer = TypeVar("Answer")

CONNECT = 5.0
"""Seconds for a connection at most; the rest of an attempt's time is the service's, for its search."""
PROBE_AFTER = 5
"""Seconds from a failure until one attempt is let through again."""
TOLD_AFTER = 3
"""Attempts in vain until the log says so: who watches should know what is waited for."""
_BACKOFF = wait_random_exponential(0.05, 2.0)
"""Seconds before an attempt at most: doubled from attempt to attempt, drawn at random below."""
_GARBAGE = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""What reading an answer raises that is not what it should be."""


class ServiceClient:
    """Asks one service; no attempt begins more than `patience` seconds after the first.

    None takes more than half of them, so that one more follows where a service has gone silent.
    """

    def __init__(self, url: str, patience: float) -> None:
        self.url = url.rstrip("/")
        self._patience = patience
        self._http = httpx.Client(timeout=httpx.Timeout(patience / 2, connect=min(CONNECT, patience / 2)))
        # not pybreaker, which holds a lock during a call: one request after the other
        self._breaker = CircuitBreaker(
            failure_threshold=1,
            recovery_timeout=PROBE_AFTER,
            expected_exception=RetrievalUnavailableError,
        )

    def ask(self, path: str, read: Callable[[httpx.Response], Answer], body: Any = None) -> Answer:
        """What `read` makes of the answer to a GET, or to a POST of `body` as JSON.

        `read` sees only answers of status 200. What it raises of ValueError, TypeError, LookupError and
        ArithmeticError means garbage, which is asked for again; a FinalRetrievalError goes through.

        Raises:
            RetrievalUnavailableError: no answer within the patience, or none was awaited after such a
                failure; RetrievalTimeoutError: as before, and the last attempt was met with silence.
            FinalRetrievalError: the service refuses the request.
        """
        if self._breaker.opened:
            raise RetrievalUnavailableError(
                f"{self._breaker.last_failure}; it is asked again in {self._breaker.open_remaining} s"
            )
        patience = self._patience if self._breaker.closed else 0.0  # 0: a single attempt
        with self._breaker:
            return self._again_and_again(lambda: self._attempt(path, read, body), patience)

    def _again_and_again(self, attempt: Callable[[], Answer], patience: float) -> Answer:
        def tell(state: RetryCallState) -> None:
            if state.attempt_number == TOLD_AFTER:
                logging.getLogger("retrieval").warning(
                    "%s: %s; it is asked again for up to %g s", self.url, _trouble(state), patience
                )

        attempts = Retrying(
            stop=stop_before_delay(patience),
            wait=_wait,
            before_sleep=tell,
            retry=retry_if_exception_type(_TroubleError),
            reraise=True,
        )
        try:
            return attempts(attempt)
        except _TroubleError as trouble:
            silent = isinstance(trouble.__cause__, httpx.TimeoutException)
            kind = RetrievalTimeoutError if silent else RetrievalUnavailableError
            raise kind(f"{self.url} was asked in vain for {patience:g} s: {trouble}") from trouble

    def _attempt(self, path: str, read: Callable[[httpx.Response], Answer], body: Any) -> Answer:
        method = "GET" if body is None else "POST"
        try:
            response = self._http.request(method, self.url + path, json=body)
        except httpx.RequestError as error:
            hint = " (is it http:// in place of https://?)" if "SSL" in str(error) else ""
            raise _TroubleError(f"{type(error).__name__} {error}{hint}") from error
        if response.status_code == 429 or response.status_code >= 500:
            raise _TroubleError(_reason(response), _retry_after(response))
        if response.status_code != 200:
            raise FinalRetrievalError(f"{self.url}{path} refuses: {_reason(response)}")
        try:
            return read(response)
        except _GARBAGE as error:
            raise _TroubleError(f"garbage: {type(error).__name__} {error}") from error


class _TroubleError(Exception):
    """An attempt failed in a way that another may not, `after` seconds from now at the earliest."""

    def __init__(self, message: str, after: int = 0) -> None:
        super().__init__(message)
        self.after = after


def _wait(state: RetryCallState) -> float:
    """Seconds until the next attempt."""
    trouble = _trouble(state)
    return _BACKOFF(state) + (trouble.after if isinstance(trouble, _TroubleError) else 0)


def _trouble(state: RetryCallState) -> BaseException | None:
    """Why the last attempt failed."""
    return state.outcome.exception() if state.outcome else None


def _retry_after(response: httpx.Response) -> int:
    """Seconds that a service asks to wait; a date in their place (nobody here sends one) counts as none."""
    asked = response.headers.get("Retry-After", "")
    return int(asked) if re.fullmatch(r"[0-9]{1,9}", asked) else 0


def _reason(response: httpx.Response) -> str:
    """Status and what the service says of it: `message` or `error` of its JSON if it has one."""
    try:
        body = response.json()
        said = str(body.get("message") or body["error"])
    except (*_GARBAGE, AttributeError):
        said = response.reason_phrase
    return f"{response.status_code} {said[:200]}"
