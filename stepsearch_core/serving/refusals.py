"""What a client is told when it gets no answer: a status, a word for programs, a sentence for people."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response


def flat(refusal: RefusalError) -> dict[str, Any]:
    """A refusal as the retrieval server tells it."""
    return {"error": refusal.word, "message": refusal.message}


Shape = Callable[["RefusalError"], dict[str, Any]]
"""Makes the JSON of a refusal."""


class RefusalError(Exception):
    """A request that is not answered with what it asks for.

    `word` is the error's type: `body_too_large`, `busy` and so on. `retry_after` is in seconds; `field` is
    where in the request the problem lies, if that is known.
    """

    def __init__(
        self, status: int, word: str, message: str, retry_after: int | None = None, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.word, self.message, self.retry_after = status, word, message, retry_after
        self.field = field

    def response(self, shape: Shape = flat, close: bool = False) -> Response:
        """One line of JSON; `close` ends the connection, whose rest nobody wants to read."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        if close:
            headers["connection"] = "close"
        return JSONResponse(shape(self), self.status, headers)


def answer_refusals(app: FastAPI, shape: Shape = flat, malformed: int = 422, outer: int = 2) -> None:
    """Let an application answer what is refused; see `of_validation`."""

    @app.exception_handler(RefusalError)
    async def refused(request: Request, error: RefusalError) -> Response:
        return error.response(shape)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return of_http(error).response(shape)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return of_validation(error, malformed, outer).response(shape)


def of_http(error: HTTPException) -> RefusalError:
    """What FastAPI itself refuses: a path or method that is not there, a body that cannot be decoded."""
    return RefusalError(error.status_code, HTTPStatus(error.status_code).name.lower(), str(error.detail))


def of_validation(error: RequestValidationError, malformed: int = 422, outer: int = 2) -> RefusalError:
    """A body that is no JSON (400), or not the JSON of the protocol; names the field.

    Args:
        error: FastAPI's.
        malformed: the status of JSON that is not the protocol's.
        outer: what stands before the field in its place: "body", and the kind of request where there are
            several.
    """
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return RefusalError(400, "not_json", f"{first['ctx']['error']} at byte {first['loc'][-1]}")
    field = ".".join(str(part) for part in first["loc"][outer:]) or "body"
    return RefusalError(malformed, "invalid_request", f"{field}: {first['msg']}", field=field)
