import shutil
import subprocess
import sys

import httpx
import psutil
import pytest

from stepsearch_core.retrieval.retriever import CorpusRetriever
from tests.stepsearch_core.serving.conftest import QUERIES
from tests.stepsearch_core.serving.test_server import hits, until

pytestmark = pytest.mark.slow


def workers(server):
    """The processes that serve; multiprocessing starts one more for itself."""
    children = psutil.Process(server.process.pid).children()
    children = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_workers_share_port_metrics_and_cache_are_replaced_when_they_die_and_end_with_the_server(
    server_process, corpus, rankers, tmp_path
):
    server = server_process("--workers", "2", "--cache", str(tmp_path / "cache"))
    expected = CorpusRetriever(rankers["bm25"], corpus).search(QUERIES[:4], 5)
    found = [[(hit.passage.id, hit.score) for hit in of_query] for of_query in expected]
    assert [hits(server.url, QUERIES[:4], 5) for _ in range(20)] == [found] * 20
    page = httpx.get(f"{server.url}/metrics").text
    assert 'stepsearch_requests_total{status="200"} 20.0' in page
    assert "stepsearch_cache_misses_total 4.0" in page  # of both workers together
    first, second = workers(server)
    first.kill()
    until(lambda: len(workers(server)) == 2 and first not in workers(server))
    assert [hits(server.url, QUERIES[:4], 5) for _ in range(20)] == [found] * 20
    assert f"worker {first.pid} ended with -9" in server.log
    assert server.end() == 0
    assert not second.is_running()


def test_a_worker_that_cannot_open_the_index_ends_the_server_with_one_line(data, tmp_path):
    broken = shutil.copytree(data, tmp_path / "broken")
    (broken / "index" / "dense" / "index.faiss").write_bytes(b"cut short")
    command = [
        sys.executable,
        "-m",
        "stepsearch_core.cli",
        "serve-retriever",
        "--port",
        "0",
        "--workers",
        "3",
    ]
    command += ["--data", str(broken), "--params", str(data / "params.yaml"), "--method", "dense"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (1, "")  # it never said that it serves
    (told,) = ended.stderr.splitlines()
    assert told.startswith("stepsearch: ")
    assert "index.faiss: no whole index" in told


def test_workers_end_with_a_server_that_is_killed_so_that_another_can_take_its_port(server_process):
    server = server_process("--workers", "2")
    hits(server.url, QUERIES[:1], 1)
    served = workers(server)
    server.process.kill()
    until(lambda: not any(worker.is_running() for worker in served))
    again = server_process("--port", server.url.rpartition(":")[2])
    assert hits(again.url, QUERIES[:1], 1)
