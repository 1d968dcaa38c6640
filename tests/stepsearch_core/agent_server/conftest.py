"""Agents to serve: of a small model, or of scripts; servers of them in this process, and as processes."""

import threading
import time
from dataclasses import replace

import pytest
import uvicorn
from fastapi.testclient import TestClient

from stepsearch_core.agent_server.app import create_app
from stepsearch_core.agent_server.settings import AgentSettings
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import Params, RolloutParams, params_yaml
from stepsearch_core.policy.models import save_policy
from stepsearch_core.retrieval.index import build_index
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.scripted_engine import ScriptedEngine
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.serving.connections import ImpatientProtocol
from tests import tiny
from tests.stepsearch_core.serving.conftest import ServerProcess

WORD = tiny.tokenizer()
RENDERER = Renderer(WORD, tiny.ENVIRONMENT)
SEARCH = "<think> the birthplace </think> <search> ada born </search>"
ANSWER = "<think> that is it </think> <answer> oslo </answer>"


@pytest.fixture(scope="session")
def searcher():
    """A model that has half learnt to search."""
    return tiny.searcher(WORD)


@pytest.fixture(scope="session")
def retriever(tmp_path_factory):
    return tiny.retriever(tmp_path_factory.mktemp("index"))


@pytest.fixture(scope="session")
def data(tmp_path_factory, searcher):
    """The folder that `--data` names, with `params.yaml` in it."""
    folder = tmp_path_factory.mktemp("agent")
    build_corpus(tiny.PASSAGES, folder / "corpus")
    params = Params()
    params.retrieval = replace(params.retrieval, method="bm25")
    params.environment, params.rollout = tiny.ENVIRONMENT, replace(params.rollout, batch_size=4)
    build_index(Corpus.open(folder / "corpus"), params.retrieval, folder / "index")
    save_policy(searcher, WORD, folder / "train" / "policy")
    (folder / "params.yaml").write_text(params_yaml(params))
    return folder


@pytest.fixture
def rollout(retriever):
    """A function that makes a rollout of scripts, a turn a pass, or of an engine."""

    def make(engine, source=retriever, slots=4, **params):
        if isinstance(engine, list):
            engine = ScriptedEngine(RENDERER, engine)
        limits = RolloutParams(batch_size=slots, retrieval_attempts=1, **params)
        return Rollout(engine, source, RENDERER, limits)

    return make


@pytest.fixture
def trained(rollout, searcher):
    """The rollout of the model."""
    return rollout(TransformersEngine(searcher, WORD))


@pytest.fixture
def serve():
    """A function that serves a rollout in this process, and gives a client."""
    clients = []

    def start(rollout, patience=30.0, **settings):
        app = create_app(rollout, AgentSettings(**settings), patience=patience)
        clients.append(TestClient(app).__enter__())
        return clients[-1]

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def listening(monkeypatch):
    """A function that serves a rollout on a port of this process, under uvicorn, and gives the URL."""
    servers = []

    def start(rollout, patience=30.0, **settings):
        monkeypatch.setattr(ImpatientProtocol, "patience", patience)
        app = create_app(rollout, AgentSettings(**settings), patience=patience)
        server = uvicorn.Server(uvicorn.Config(app, port=0, http=ImpatientProtocol, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join()


@pytest.fixture
def server_process(data, tmp_path):
    """A function that starts `stepsearch serve`; it is killed after the test."""
    started = []

    def start(*arguments):
        started.append(ServerProcess(data, tmp_path / f"{len(started)}.log", *arguments, name="serve"))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()


def metric(page, name):
    """The value of a metric on Prometheus's page."""
    return float(page.partition(f"\n{name} ")[2].split()[0])


def until(condition, seconds=30):
    """Wait for what has to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def asking(question="where lies the birthplace of ada", **fields):
    """The JSON of a request."""
    return {"model": "stepsearch", "messages": [{"role": "user", "content": question}], **fields}
