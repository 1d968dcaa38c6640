"""The application: OpenAI's chat completions and models over one `Agent`, MCP, and what operators read."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from stepsearch_core.agent_server.agent import Agent, Asking
from stepsearch_core.agent_server.completions import (
    DONE,
    Completion,
    Head,
    about,
    event,
    finish_reason,
    turn_delta,
)
from stepsearch_core.agent_server.leaving import unless_left
from stepsearch_core.agent_server.mcp_server import MCP_PATH, add_to, create_mcp
from stepsearch_core.agent_server.metrics import PATH, AgentMetrics
from stepsearch_core.agent_server.protocol import ChatRequest, ErrorResponse, openai_error
from stepsearch_core.agent_server.settings import AgentSettings
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.serving.guard import Guard
from stepsearch_core.serving.listening import noticing_the_end
from stepsearch_core.serving.refusals import RefusalError, answer_refusals
from stepsearch_core.serving.settings import PATIENCE_SECONDS
from stepsearch_core.serving.watching import let_watch

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": meaning}
    for status, meaning in {
        400: "no request of this protocol, or one for what this server does not do",
        404: "another model",
        408: "the request did not arrive in time",
        413: "the body is too large",
        429: "the queue is full; Retry-After says when to try again",
        503: "a search or the sampling engine failed",
        504: "the answer took too long",
    }.items()
}
_LEFT = 499
"""Status of an answer that nobody waits for; nginx counts them under this number."""


def create_app(
    rollout: Rollout, settings: AgentSettings, host: str = "127.0.0.1", patience: float = PATIENCE_SECONDS
) -> FastAPI:
    """The application that serves what a rollout plays.

    Args:
        rollout: with the policy's engine, its retriever and as many slots as are played at once.
        settings: the model's name, and limits.
        host: where it listens.
        patience: Seconds within which a request has to arrive.
    """
    metrics = AgentMetrics()
    agent = Agent(rollout, settings, metrics)
    model = {"id": settings.name, "object": "model", "created": int(time.time()), "owned_by": "stepsearch"}
    draining = threading.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with noticing_the_end(draining.set):
            async with agent, over_mcp.run():
                yield

    app = FastAPI(title="StepSearch agent", lifespan=lifespan, docs_url=None, redoc_url=None)
    over_mcp = add_to(app, create_mcp(agent, settings), host)
    app.add_middleware(Guard, paths=(PATH, MCP_PATH), metrics=metrics, patience=patience, shape=openai_error)
    answer_refusals(app, openai_error, malformed=400, outer=1)

    @app.post(PATH, response_model=Completion, responses=REFUSALS)
    async def complete(asked: Annotated[ChatRequest, Body()], request: Request) -> Response:
        """The answer to the last message; as server-sent events with `stream`."""
        _check_model(asked.model)
        asking = agent.ask(asked.asked())
        head = Head(settings.name)
        if asked.stream:
            return _Stream(asking, _events(asking, head, asked))
        answered = await unless_left(request.receive, _whole(asking, head, asked))
        return answered or Response(status_code=_LEFT)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The one model."""
        return {"object": "list", "data": [model]}

    @app.get("/v1/models/{name:path}", responses={404: REFUSALS[404]})
    async def one_model(name: str) -> dict[str, Any]:
        """The model, if it is that."""
        _check_model(name)
        return model

    def _check_model(name: str) -> None:
        if name != settings.name:
            problem = f"model: there is no {name[:80]!r}; this server has {settings.name!r}"
            raise RefusalError(404, "model_not_found", problem, field="model")

    let_watch(app, metrics, draining, ErrorResponse)
    return app


async def _whole(asking: Asking, head: Head, asked: ChatRequest) -> Response:
    with asking:
        async for _ in asking.turns():
            pass
        return JSONResponse(head.completion(asking.episode, asked.unread).model_dump(mode="json"))


async def _events(asking: Asking, head: Head, asked: ChatRequest) -> AsyncIterator[str]:
    """A stream's events. What fails after the first is an event with the error, and the last but one."""
    yield head.chunk({"role": "assistant", "content": ""})
    try:
        async for turn in asking.turns():
            if delta := turn_delta(turn):
                yield head.chunk(delta)
    except RefusalError as refusal:
        yield event(openai_error(refusal))
    else:
        if answer := asking.episode.trajectory.answer:
            yield head.chunk({"content": answer})
        told = about(asking.episode, asked.unread).model_dump(mode="json")
        yield head.chunk({}, finish_reason(asking.episode), stepsearch=told)
        if asked.with_usage:
            yield head.usage_chunk(asking.episode)
    yield DONE


class _Stream(StreamingResponse):
    """Server-sent events; whatever ends them, the question is given up."""

    def __init__(self, asking: Asking, events: AsyncIterator[str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"cache-control": "no-cache"})
        self._asking = asking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._asking:
            await super().__call__(scope, receive, send)
