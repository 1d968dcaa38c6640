"""`stepsearch serve`: opens the policy and what it searches, listens, and ends as it should.

One process: one thread has the model, and continuous batching lets many questions share its passes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from stepsearch_core.agent_server.app import create_app
from stepsearch_core.agent_server.mcp_server import serve_stdio
from stepsearch_core.agent_server.settings import AgentSettings
from stepsearch_core.asking import open_rollout
from stepsearch_core.params import load_params
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.serving.listening import bound, listen, place, run


def serve(settings: AgentSettings, host: str, port: int) -> None:
    """Serve over HTTP until SIGTERM or Ctrl-C; prints the address once requests are taken.

    Raises:
        DataError: no policy, corpus or index, one made with other parameters, or an address that is not
            free.
        EngineError: the sampling engine cannot be opened.
    """
    with bound(host, port) as listener:
        rollout = open_agent(settings)
        app = create_app(rollout, settings, host)
        listen(listener)
        slots = rollout.params.batch_size
        message = f"serving {settings.name} in {slots} slots on {place(host, listener)}"
        run(app, listener, settings.timeout, partial(print, message, flush=True))


def serve_mcp(settings: AgentSettings) -> None:
    """Serve over standard input and output until the client closes them.

    Raises:
        DataError: as `serve`.
        EngineError: as `serve`.
    """
    serve_stdio(open_agent(settings), settings)


def open_agent(settings: AgentSettings) -> Rollout:
    """The policy's engine and its retriever, with as many slots as the settings say."""
    params = load_params(settings.params)
    data = Path(settings.data)
    policy = Path(settings.policy) if settings.policy else data / "train" / "policy"
    slots = settings.slots or params.rollout.batch_size
    return open_rollout(policy, data, replace(params, rollout=replace(params.rollout, batch_size=slots)))
