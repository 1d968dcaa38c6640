"""The agent over MCP (the Model Context Protocol): one tool, `search_and_answer`, for other agents.

Over standard input and output it is a process of the client's; over HTTP it shares the chat service's port,
queue and slots, one request a call and no session.
"""

from __future__ import annotations

import os
import signal
from importlib.metadata import version
from typing import Annotated

import anyio
from fastapi import FastAPI
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import ToolAnnotations
from pydantic import Field
from starlette.requests import Request
from starlette.routing import Route

from stepsearch_core.agent_server.agent import Agent
from stepsearch_core.agent_server.completions import About, CitedPassage, about, citations
from stepsearch_core.agent_server.episodes import Asked
from stepsearch_core.agent_server.leaving import unless_left
from stepsearch_core.agent_server.metrics import AgentMetrics
from stepsearch_core.agent_server.settings import AgentSettings
from stepsearch_core.base.terminal import INTERRUPTED
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.serving.refusals import RefusalError

MCP_PATH = "/mcp"
_DESCRIPTION = (
    "Answer a question that takes several searches, from the passages of this server's corpus. The question"
    " has to stand alone: nothing that was asked before is known. Gives a short answer, or none, with the"
    " searches that were made and the passages that they showed."
)
Question = Annotated[str, Field(description="the question, with all that it takes to understand it")]


class Answer(About):
    """An answer, null where there is none, and what it rests on."""

    answer: str | None
    passages: list[CitedPassage]


def create_mcp(agent: Agent, settings: AgentSettings) -> MCPServer:
    """The MCP server of an agent, which has to play as long as it is asked."""
    server = MCPServer(
        settings.name,
        title="StepSearch",
        instructions=_DESCRIPTION,
        version=version("stepsearch"),
        log_level="WARNING",
    )
    notes = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @server.tool(description=_DESCRIPTION, annotations=notes)
    async def search_and_answer(question: Question, context: Context) -> Answer:
        request = context.request_context.request
        answering = _answer(agent, question)
        if not isinstance(request, Request):  # over standard input the SDK cancels the call
            return await answering
        if (answer := await unless_left(request.receive, answering)) is None:
            raise ToolError("the client has gone away")  # nobody reads it
        return answer

    return server


async def _answer(agent: Agent, question: str) -> Answer:
    """What the agent answers.

    Raises:
        ToolError: the question cannot be asked, or a search or the engine failed; it says why.
    """
    if not question.strip():
        raise ToolError("the question is empty")
    try:
        with agent.ask(Asked(question.strip())) as asking:
            cited = [one.passage async for turn in asking.turns() for one in citations(turn, 0)]
    except RefusalError as refusal:
        raise ToolError(refusal.message) from None
    episode = asking.episode
    return Answer(answer=episode.trajectory.answer, passages=cited, **about(episode, 0).model_dump())


def serve_stdio(rollout: Rollout, settings: AgentSettings) -> None:
    """Answer over standard input and output until the client closes them; Ctrl-C ends it at once."""
    # else the SDK's thread that reads would be waited for, to the client's next line
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    agent = Agent(rollout, settings, AgentMetrics())

    async def serve() -> None:
        async with agent:
            await create_mcp(agent, settings).run_stdio_async()

    anyio.run(serve)


def add_to(app: FastAPI, server: MCPServer, host: str) -> StreamableHTTPSessionManager:
    """Let an application answer at `MCP_PATH`, too; what is returned has to `run` meanwhile.

    At a loopback `host`, requests that name another one are refused, as a page in a browser could make them.
    """
    made = server.streamable_http_app(
        streamable_http_path=MCP_PATH, json_response=True, stateless_http=True, host=host
    )
    [route] = made.routes
    assert isinstance(route, Route)
    # a GET would open a stream that nothing is ever sent on
    app.router.routes.append(Route(MCP_PATH, route.endpoint, methods=["POST"]))
    return server.session_manager
