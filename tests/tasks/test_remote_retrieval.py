"""Stages that search a real server give what they give in process, whatever happens on the way."""

import itertools
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from stepsearch_core.base.io import read_json
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.evaluation.promotion import promote
from stepsearch_core.evaluation.reevaluation import reevaluate
from stepsearch_core.params import Params, load_params
from stepsearch_core.retrieval.fingerprint import INDEX_HEADER
from stepsearch_core.retrieval.index import open_retriever
from tasks import evaluate, synthesize, train
from tests.checkout import profile
from tests.services import BUG, BUSY, FULL, HTML, Service, breaks_off, resets
from tests.stepsearch_core.serving.conftest import ServerProcess

pytestmark = pytest.mark.slow

SYNTHESIZED = ("synthesize/train.jsonl", "synthesize/validation.jsonl", "synthesize/trajectories.jsonl")
TRAINED = ("train/metrics.jsonl", "train/trajectories.jsonl", "train/policy/model.safetensors")


@pytest.fixture
def server(micro, tmp_path):
    """`server(port)` serves the corpus and the index of `micro`, with a cache; all are killed in the end."""
    started: list[ServerProcess] = []

    def start(port="0"):
        more = ["--params", str(micro / "params.yaml"), "--port", port, "--cache", str(tmp_path / "cache")]
        started.append(ServerProcess(micro / "data", tmp_path / f"{len(started)}.log", *more))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def remote(folder: Path, url: str) -> Params:
    """The parameters of `micro` with a service to search, active in a checkout."""
    profile(folder, "micro", "retrieval.method=remote", f"retrieval.url={url}")
    return load_params(folder / "params.yaml")


def answered(server: ServerProcess) -> int:
    """How many requests for passages a server has answered."""
    page = httpx.get(f"{server.url}/metrics").text
    return sum(int(float(n)) for n in re.findall(r'stepsearch_requests_total\{status="200"\} (\S+)', page))


def assert_same_results(ours: Path, theirs: Path, *names: str):
    for name in names:
        assert (ours / "data" / name).read_bytes() == (theirs / "data" / name).read_bytes(), name


def test_a_server_that_is_killed_and_restarted_while_training_goes_on(micro, fork, server, monkeypatch):
    monkeypatch.chdir(fork)
    first = server()
    training = threading.Thread(target=train.main, args=(remote(fork, first.url),))
    training.start()
    while answered(first) < 12:
        time.sleep(0.02)
        assert training.is_alive()
    first.process.kill()
    second = server(first.url.rpartition(":")[2])
    training.join()
    assert answered(second) > 5
    assert_same_results(fork, micro, *TRAINED)
    assert read_json("data/train/retriever.json") == httpx.get(f"{second.url}/fingerprint").json()


@pytest.mark.nightly
def test_a_tenth_of_all_requests_slow_or_failing_changes_nothing(micro, fork, server, monkeypatch):
    monkeypatch.chdir(fork)
    behind = server()
    troubles = itertools.cycle((resets, breaks_off, HTML, BUSY, FULL, BUG))
    turns = itertools.count()

    def forward(path, body):
        if next(turns) % 30 == 0:
            time.sleep(0.5)
        method = "GET" if body is None else "POST"
        answer = httpx.request(method, behind.url + path, json=body, timeout=60)
        return answer.status_code, {INDEX_HEADER: answer.headers.get(INDEX_HEADER, "")}, answer.content

    with Service(forward, [next(troubles) if n % 10 == 9 else None for n in range(10_000)]) as faulty:
        params = remote(fork, faulty.url)
        for stage in (synthesize, train, evaluate):
            stage.main(params)
        promote(Path("data"), params)
        comparison = reevaluate(Path("data"), params)
        assert comparison is not None
        assert comparison["changed"] == []
    assert_same_results(fork, micro, *SYNTHESIZED, *TRAINED, "evaluate/metrics.json")
    assert len(faulty.asked) > 60  # so that each trouble was met
    served = read_json("data/evaluate/evaluated.json")["fingerprint"]["service"]
    assert served == httpx.get(f"{behind.url}/fingerprint").json()

    corpus, here = Corpus.open("data/corpus"), load_params(micro / "params.yaml").retrieval
    asked = sorted({query for _, body in faulty.asked if body for query in body["queries"]})
    direct = replace(params.retrieval, url=behind.url)
    in_cache, in_process = (open_retriever(each, "data/index", corpus) for each in (direct, here))
    assert in_cache.search(asked, 2) == in_process.search(asked, 2)
