"""What a client is told when it gets no passages: a status, a word for programs, a sentence for people."""

from __future__ import annotations

from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response


class RefusalError(Exception):
    """A request that is not answered with what it asks for.

    `word` is the error's type: `body_too_large`, `busy` and so on. `retry_after` is in seconds.
    """

    def __init__(self, status: int, word: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.word, self.message, self.retry_after = status, word, message, retry_after

    def response(self, close: bool = False) -> Response:
        """One line of JSON; `close` ends the connection, whose rest nobody wants to read."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        if close:
            headers["connection"] = "close"
        content = {"error": self.word, "message": self.message}
        return JSONResponse(content, self.status, headers)


def of_http(error: HTTPException) -> RefusalError:
    """What FastAPI itself refuses: a path or method that is not there, a body that cannot be decoded."""
    return RefusalError(error.status_code, HTTPStatus(error.status_code).name.lower(), str(error.detail))


def of_validation(error: RequestValidationError) -> RefusalError:
    """A body that is no JSON (400), or not the JSON of the protocol (422); names the field."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return RefusalError(400, "not_json", f"{first['ctx']['error']} at byte {first['loc'][-1]}")
    field = (
        ".".join(str(part) for part in first["loc"][2:]) or "body"
    )  # behind "body" and the kind of request
    return RefusalError(422, "invalid_request", f"{field}: {first['msg']}")
