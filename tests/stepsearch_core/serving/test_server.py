import dataclasses
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import Params, params_yaml
from stepsearch_core.retrieval.fingerprint import fingerprint
from stepsearch_core.retrieval.retriever import CorpusRetriever
from stepsearch_core.serving.server import look, open_app, serve
from stepsearch_core.serving.settings import ServingSettings
from tests.stepsearch_core.serving.conftest import QUERIES
from tests.stepsearch_core.serving.test_guard import HEAD

pytestmark = pytest.mark.slow


def hits(url, queries, k):
    body = {"queries": queries, "topk": k, "return_scores": True}
    answer = httpx.post(f"{url}/retrieve", json=body, timeout=60).raise_for_status().json()
    return [[(hit["document"]["id"], hit["score"]) for hit in found] for found in answer["result"]]


def test_a_server_process_finds_what_is_found_in_process_says_what_it_serves_and_ends_with_0(
    server_process, data, corpus, rankers
):
    server = server_process("--method", "hybrid")
    expected = CorpusRetriever(rankers["hybrid"], corpus).search(QUERIES[:4], 5)
    found = [[(hit.passage.id, hit.score) for hit in hits] for hits in expected]
    assert hits(server.url, QUERIES[:4], 5) == found
    params = dataclasses.replace(Params().retrieval, method="hybrid", dimensions=64)
    searched = dataclasses.asdict(fingerprint(params, data / "index", corpus))
    assert httpx.get(f"{server.url}/fingerprint").json() == searched
    assert server.log.strip() == f"serving hybrid over {len(corpus)} passages on {server.url}"
    assert server.end() == 0
    assert server.log.count("\n") == 1


def test_a_server_that_is_told_to_end_as_soon_as_it_is_there_ends_with_0(server_process):
    assert server_process().end() == 0


def test_what_cannot_be_served_is_one_line(data, tmp_path):
    with pytest.raises(DataError, match=r"corpus/manifest\.json: no such file"):
        look(ServingSettings(data=str(tmp_path), params=str(data / "params.yaml")))
    (tmp_path / "corpus").symlink_to(data / "corpus")
    with pytest.raises(DataError, match=r"index: there is no index: build it \(`dvc repro index`\)"):
        look(ServingSettings(data=str(tmp_path), params=str(data / "params.yaml")))
    params = Params()
    params.retrieval = dataclasses.replace(params.retrieval, dimensions=32)
    (tmp_path / "params.yaml").write_text(params_yaml(params))
    with pytest.raises(DataError, match=r"field 'dense': the index was built with"):
        open_app(ServingSettings(data=str(data), params=str(tmp_path / "params.yaml"), method="dense"))
    with pytest.raises(DataError, match=r"^no\.such\.host:0: cannot listen here"):
        serve(ServingSettings(), "no.such.host", 0, 1)


def until(condition, seconds=60):
    """Wait for what has to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def waiting(url):
    """Queries in the queue, as the metrics have it."""
    page = httpx.get(f"{url}/metrics").text
    return float(page.partition("\nstepsearch_queue_queries ")[2].split()[0])


def test_on_sigterm_a_server_finishes_what_it_holds_takes_nothing_new_and_ends_with_0(
    server_process, rankers
):
    server = server_process("--method", "hybrid", "--max-batch", "1")
    found = []
    queries = [f"{query} {number}" for number in range(30) for query in QUERIES]
    asking = threading.Thread(target=lambda: found.extend(hits(server.url, queries, 2)))
    asking.start()
    until(lambda: waiting(server.url) > 200)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: refuses(server.url))
    assert asking.is_alive()
    assert server.process.wait(60) == 0
    asking.join()
    assert len(found) == len(queries)
    assert all(len(of_query) == 2 for of_query in found)


def refuses(url):
    try:
        httpx.get(f"{url}/health")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        return False  # it was connected, and was closed before it had asked
    return False


def test_a_client_that_hangs_keeps_no_server_from_ending(server_process):
    server = server_process("--timeout", "1")
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as hanging:
        hanging.sendall(HEAD + b"content-length: 30\r\n\r\n{")
        until(lambda: httpx.get(f"{server.url}/health").status_code == 200)
        assert server.end(20) == 0


HANGING = """
import sys, time
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.serving.app import create_app
from stepsearch_core.serving.listening import bound, listen, run
from stepsearch_core.serving.settings import ServingSettings
from tests.stepsearch_core.serving.conftest import SEARCHED

class Hanging:
    def rank(self, queries, k):
        print("searching", flush=True)
        time.sleep(1000)

settings = ServingSettings(timeout=1)
app = create_app(Hanging(), Corpus.open(sys.argv[1]), SEARCHED, settings)
with bound("127.0.0.1", 0) as listener:
    listen(listener)
    print(listener.getsockname()[1], flush=True)
    run(app, listener, settings.timeout)
"""


def test_a_search_that_hangs_keeps_no_server_from_ending(data):
    command = [sys.executable, "-c", HANGING, str(data / "corpus")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        asked: list[httpx.Response] = []
        body = {"queries": ["amber"]}
        asking = threading.Thread(target=lambda: asked.append(httpx.post(f"{url}/retrieve", json=body)))
        asking.start()
        assert server.stdout.readline() == "searching\n"
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        asking.join()
    assert asked[0].status_code == 504
