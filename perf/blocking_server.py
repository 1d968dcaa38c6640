"""A retrieval server designed as Search-R1's: every request is one blocking search in a thread of the pool.

`python -m perf.blocking_server DATA PARAMS` serves the index in DATA at a free port and prints it. Fields
and flow of the endpoint follow `search_r1/search/retrieval_server.py` of PeterGriffinJin/Search-R1; encoder
and index are ours, so that a comparison is one of designs.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from stepsearch_core.base.terminal import terminal
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import load_params
from stepsearch_core.retrieval.index import open_retriever


class QueryRequest(BaseModel):
    """What Search-R1's trainer sends."""

    queries: list[str]
    topk: int | None = None
    return_scores: bool = False


@terminal()
def main() -> None:
    """Serve until killed."""
    data = Path(sys.argv[1])
    corpus = Corpus.open(data / "corpus")
    retriever = open_retriever(load_params(sys.argv[2]).retrieval, data / "index", corpus)
    app = FastAPI()

    @app.post("/retrieve")
    def retrieve(request: QueryRequest) -> dict[str, Any]:
        found = retriever.search(request.queries, request.topk or 3)
        return {
            "result": [
                [
                    {
                        "document": {"id": hit.passage.id, "contents": hit.passage.contents},
                        "score": hit.score,
                    }
                    for hit in hits
                ]
                for hits in found
            ]
        }

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as where uvicorn makes the socket
        print(listening.getsockname()[1], flush=True)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        server.run(sockets=[listening])


if __name__ == "__main__":
    main()
