"""`serve-retriever`: an index for other processes, over HTTP."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from stepsearch_core.commands.amounts import count, port, seconds
from stepsearch_core.params import METHODS


def add(commands: Any) -> None:
    """Add the command to the subparsers of `stepsearch`."""
    serve = commands.add_parser(
        "serve-retriever",
        help="search for other processes, over HTTP",
        description=(
            "Serve the index of a pipeline to trainers: POST /retrieve takes and gives what Search-R1's"
            " server does. GET /fingerprint says what is searched, /health and /ready whether, /metrics how"
            " (for Prometheus), /openapi.json describes all. On SIGTERM it finishes what it holds and ends."
            " Nothing is encrypted, and who asks is answered: listen where only your own processes reach."
        ),
        epilog="example: stepsearch serve-retriever --workers 4 --cache checkpoints/searches",
    )
    takes = serve.add_argument
    default = "(default: %(default)s)"
    takes("--data", default="data", help=f"the stages' outputs: corpus and index are read {default}")
    takes("--params", default="params.yaml", help=f"what the index was built with {default}")
    own = [method for method, indexes in METHODS.items() if indexes]
    takes("--method", choices=own, help="how to search (default: as `retrieval.method` says)")
    takes("--host", default="127.0.0.1", help=f"the address to listen on {default}")
    takes("--port", type=port, default=8000, help=f"0 takes a free one; it is printed {default}")
    takes("--workers", type=count, default=1, help=f"processes, which share the index in memory {default}")
    takes(
        "--cache", type=_folder, metavar="FOLDER", help="keep rankings here, for all servers of this machine"
    )
    takes(
        "--cache-gb", type=_gigabytes, default=10.0, help=f"its size, beyond which the oldest go {default}"
    )
    takes("--max-batch", type=count, default=64, help=f"queries searched at once {default}")
    takes("--queue", type=count, default=8192, help=f"queries that may wait; beyond that, 429 {default}")
    takes("--topk", type=count, default=3, help=f"documents a query, unless a request says {default}")
    takes("--topk-limit", type=count, default=100, help=f"the most that a request may ask for {default}")
    takes("--timeout", type=seconds, default=60.0, help=f"seconds for a search, then 504 {default}")
    serve.set_defaults(run=_serve)


def _gigabytes(text: str) -> float:
    if not 0.001 <= (value := float(text)) <= 1e6:  # an empty database has 32 kB
        raise argparse.ArgumentTypeError(f"{value:g} is not from 0.001 to 1000000")
    return value


def _folder(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a folder has a name; leave the option out for no cache")
    return text


def _serve(options: argparse.Namespace) -> None:
    from stepsearch_core.serving.server import serve  # FastAPI: a second to import
    from stepsearch_core.serving.settings import ServingSettings

    asked = {field.name: getattr(options, field.name) for field in fields(ServingSettings)}
    serve(ServingSettings(**asked), options.host, options.port, options.workers)
