from dataclasses import replace

import pytest

from stepsearch_core.base.io import write_json
from stepsearch_core.evaluation.fingerprint import changes, fingerprint
from stepsearch_core.params import EnvironmentParams, EvaluateParams, Params, RetrievalParams
from stepsearch_core.runtime.software import versions
from tests.services import Service

PARAMS = Params(profile="test", evaluate=EvaluateParams(benchmarks=["musique", "bamboogle"]))
HASHES = {"musique": "m", "bamboogle": "b", "hotpotqa": "h"}


@pytest.fixture
def data(tmp_path):
    return written(tmp_path)


def written(folder, files=HASHES, corpus="c", gold="g", factory="Flat"):
    """What stages leave, as far as a fingerprint reads it."""
    named = {name: {"sha256": digest} for name, digest in files.items()}
    write_json(folder / "fetch" / "manifest.json", {"files": named})
    write_json(folder / "corpus" / "manifest.json", {"hash": corpus, "rows": 1})
    write_json(folder / "corpus" / "gold.json", {"another_text": {"a": {"passage": gold}}, "counts": corpus})
    write_json(folder / "index" / "manifest.json", {"dense": {"index_factory": factory}})
    return folder


def test_what_an_evaluation_reads_and_nothing_else(data):
    found = fingerprint(data, PARAMS)
    assert found["benchmarks"] == {"musique": "m", "bamboogle": "b"}  # hotpotqa is not evaluated
    assert (found["corpus"], found["software"]) == ("c", versions())
    assert fingerprint(data, replace(PARAMS, seed=PARAMS.seed + 1)) == found


def test_each_part_changes_with_what_it_stands_for_alone(data, tmp_path):
    before = fingerprint(data, PARAMS)
    written(tmp_path, {**HASHES, "musique": "another", "hotpotqa": "another"})
    assert changes(before, fingerprint(tmp_path, PARAMS)) == ["benchmarks.musique"]
    written(tmp_path, corpus="another")
    assert changes(before, fingerprint(tmp_path, PARAMS)) == ["corpus"]
    written(tmp_path, gold="another")
    assert changes(before, fingerprint(tmp_path, PARAMS)) == ["gold"]
    written(tmp_path, factory="HNSW32")
    assert changes(before, fingerprint(tmp_path, PARAMS)) == ["index"]
    written(tmp_path)
    retrieval = replace(PARAMS, retrieval=RetrievalParams(bm25_k1=2.5))
    assert changes(before, fingerprint(tmp_path, retrieval)) == ["retriever"]
    environment = replace(PARAMS, environment=EnvironmentParams(max_searches=9))
    assert changes(before, fingerprint(tmp_path, environment)) == ["environment"]


def test_what_a_prompt_file_says_counts(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "conf" / "prompts" / "mine.yaml"
    file.parent.mkdir(parents=True)
    params = replace(PARAMS, environment=EnvironmentParams(prompt="conf/prompts/mine.yaml"))
    file.write_text('base: paper\nprompt: "{question}"\n')
    before = fingerprint(data, params)
    file.write_text('base: paper  # a comment\nprompt: "{question}"\n')
    assert changes(before, fingerprint(data, params)) == []
    file.write_text('base: paper\nprompt: "Q: {question}"\n')
    assert changes(before, fingerprint(data, params)) == ["environment"]


def test_what_a_service_serves_counts_and_where_it_is_does_not(data):
    served = {"corpus": "c", "passages": 3, "index": "built", "method": "bm25"}

    def seen(patience=20.0):
        with Service(lambda path, body: (200, {}, served)) as service:
            remote = RetrievalParams(method="remote", url=service.url, patience=patience)
            return fingerprint(data, replace(PARAMS, retrieval=remote))

    before = seen()
    assert before["service"] == served
    assert changes(before, seen(patience=10.0)) == []  # at another port, too
    served["index"] = "built anew"
    assert changes(before, seen()) == ["service.index"]
    assert changes(before, fingerprint(data, PARAMS)) == ["retriever", "service"]


def test_parts_that_one_side_lacks_are_changes_too():
    before = {"corpus": "c", "software": {"torch": "1", "numpy": "1"}, "gone": 1, "kind": "text"}
    after = {"corpus": "c", "software": {"torch": "2", "faiss": "1", "numpy": "1"}, "kind": {"a": 1}}
    assert changes(before, after) == ["gone", "kind", "software.faiss", "software.torch"]
    assert changes(before, before) == []
