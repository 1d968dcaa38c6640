"""`serve`: a policy that searches, for other programs: over HTTP as OpenAI's API, or over MCP."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from stepsearch_core.commands.amounts import count, port, seconds


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    serve = commands.add_parser(
        "serve",
        help="answer other programs' questions, over HTTP or MCP",
        description=(
            "Serve the trained policy with its retriever. Over HTTP as an OpenAI-compatible chat endpoint:"
            " POST /v1/chat/completions takes the last message as the question, streams thoughts and"
            " searches as `reasoning_content`, passages as annotations, and gives the answer as the content;"
            " GET /v1/models, /health, /ready, /metrics (for Prometheus), /openapi.json. With --mcp over"
            " standard input and output, with one tool, search_and_answer. On SIGTERM it finishes what it"
            " holds and ends. Nothing is encrypted, and who asks is answered: listen where only your own"
            " programs reach."
        ),
        epilog="example: stepsearch serve --port 8080",
    )
    takes = serve.add_argument
    default = "(default: %(default)s)"
    takes("--mcp", action="store_true", help="speak MCP over standard input and output; no port is opened")
    takes(
        "--policy",
        metavar="FOLDER",
        help="a model with its tokenizer (default: train/policy of the stages' outputs)",
    )
    takes("--data", default="data", help=f"the stages' outputs: corpus and index are read {default}")
    takes("--params", default="params.yaml", help=f"what the policy is asked with {default}")
    takes("--name", default="stepsearch", help=f"the model's name in requests {default}")
    takes("--host", default="127.0.0.1", help=f"the address to listen on {default}")
    takes("--port", type=port, default=8080, help=f"0 takes a free one; it is printed {default}")
    takes("--slots", type=count, help="questions played at once (default: `rollout.batch_size`)")
    takes("--queue", type=count, default=256, help=f"questions that may wait for a slot; then 429 {default}")
    takes("--question", type=count, default=8192, help=f"characters of a question at most {default}")
    takes("--timeout", type=seconds, default=60.0, help=f"for an answer, then 504 {default}")
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> None:
    from stepsearch_core.agent_server.server import serve, serve_mcp  # FastAPI, torch: seconds to import
    from stepsearch_core.agent_server.settings import AgentSettings

    settings = AgentSettings(**{field.name: getattr(options, field.name) for field in fields(AgentSettings)})
    if options.mcp:
        serve_mcp(settings)
    else:
        serve(settings, options.host, options.port)
