"""A small pipeline's outputs to serve, and servers of it: in this process, and as processes of their own."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient

from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.params import Params, params_yaml
from stepsearch_core.retrieval.fingerprint import Fingerprint
from stepsearch_core.retrieval.index import build_index, open_ranker
from stepsearch_core.serving.app import create_app
from stepsearch_core.serving.connections import ImpatientProtocol
from stepsearch_core.serving.settings import ServingSettings

WORDS = (
    "amber",
    "basin",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heron",
    "islet",
    "jetty",
    "knoll",
    "lagoon",
)
QUERIES = [f"{first} {second} {first}" for first in WORDS for second in WORDS[::4]]
"""Every one finds something."""
SEARCHED = Fingerprint("c0", 1, "i0", "bm25")


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The folder that `--data` names, with `params.yaml` in it."""
    folder = tmp_path_factory.mktemp("served")
    pairs = [(first, second) for first in WORDS for second in WORDS]
    passages = [
        Passage("", f"{a} {b}", f"The {a} lies {'by ' * i}the {b}.") for i, (a, b) in enumerate(pairs)
    ]
    build_corpus(passages, folder / "corpus")
    params = Params()
    params.retrieval = replace(params.retrieval, method="bm25", dimensions=64)
    build_index(Corpus.open(folder / "corpus"), params.retrieval, folder / "index", measured=["hybrid"])
    (folder / "params.yaml").write_text(params_yaml(params))
    return folder


@pytest.fixture(scope="session")
def corpus(data):
    return Corpus.open(data / "corpus")


@pytest.fixture(scope="session")
def rankers(data, corpus):
    """The ranker of each method."""
    params = replace(Params().retrieval, dimensions=64)
    return {
        method: open_ranker(replace(params, method=method), data / "index", corpus)
        for method in ("bm25", "dense", "hybrid")
    }


@pytest.fixture
def serve(corpus):
    """A function that serves a ranker in this process, and gives a client."""
    clients = []

    def start(ranker, patience=30.0, **settings):
        app = create_app(ranker, corpus, SEARCHED, ServingSettings(**settings), patience)
        clients.append(TestClient(app).__enter__())
        return clients[-1]

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def listening(corpus, monkeypatch):
    """A function that serves a ranker on a port of this process, under uvicorn, and gives the port."""
    servers = []

    def start(ranker, patience=30.0, **settings):
        monkeypatch.setattr(ImpatientProtocol, "patience", patience)
        app = create_app(ranker, corpus, SEARCHED, ServingSettings(**settings), patience)
        server = uvicorn.Server(uvicorn.Config(app, port=0, http=ImpatientProtocol, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return server.servers[0].sockets[0].getsockname()[1]

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join()


class ServerProcess:
    """A server's command as people start it, on a free port."""

    def __init__(self, data: Path, log: Path, *arguments: str, name: str = "serve-retriever") -> None:
        self._log = log
        command = [sys.executable, "-m", "stepsearch_core.cli", name, "--port", "0"]
        command += ["--data", str(data), "--params", str(data / "params.yaml"), *arguments]
        with log.open("w") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ})
        self.url = self._wait_for_url()

    def _wait_for_url(self) -> str:
        until = time.monotonic() + 120
        while not (found := re.search(r"on (http://\S+)", self.log)):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.001)  # some tests do something right after the line
        return found[1]

    @property
    def log(self) -> str:
        return self._log.read_text()

    def end(self, seconds: float = 60) -> int:
        """Ask it to end; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@pytest.fixture
def server_process(data, tmp_path):
    """A function that starts a `ServerProcess`; it is killed after the test."""
    started = []

    def start(*arguments, data=data):
        started.append(ServerProcess(data, tmp_path / f"server{len(started)}.log", *arguments))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()
