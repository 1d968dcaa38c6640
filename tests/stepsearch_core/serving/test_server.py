import dataclasses

import httpx
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import Params, params_yaml
from stepsearch_core.retrieval.fingerprint import fingerprint
from stepsearch_core.retrieval.retriever import CorpusRetriever
from stepsearch_core.serving.server import look, open_app, serve
from stepsearch_core.serving.settings import ServingSettings
from tests.stepsearch_core.serving.conftest import QUERIES

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


def test_what_cannot_be_served_is_one_line(data, tmp_path):
    with pytest.raises(DataError, match=r"corpus/manifest\.json: no such file"):
        look(ServingSettings(data=str(tmp_path), params=str(data / "params.yaml")))
    params = Params()
    params.retrieval = dataclasses.replace(params.retrieval, dimensions=32)
    (tmp_path / "params.yaml").write_text(params_yaml(params))
    with pytest.raises(DataError, match=r"field 'dense': the index was built with"):
        open_app(ServingSettings(data=str(data), params=str(tmp_path / "params.yaml"), method="dense"))
    with pytest.raises(DataError, match=r"^no\.such\.host:0: cannot listen here"):
        serve(ServingSettings(), "no.such.host", 0, 1)
