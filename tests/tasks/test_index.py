import json
import subprocess
import sys
from pathlib import Path

import pytest

from stepsearch_core.base.hashes import sha256_samples
from stepsearch_core.base.io import write_jsonl
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.fetching.fetch import fetch
from stepsearch_core.params import (
    CorpusParams,
    FetchParams,
    IndexParams,
    Params,
    RetrievalParams,
    SynthesizeParams,
    WorldParams,
    params_yaml,
)
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from tasks import corpus as corpus_stage
from tasks import fetch as fetch_stage
from tasks import index as index_stage
from tasks.index import main
from tests.bert import save_bert
from tests.checkout import link_checkout
from tests.import_graph import ROOT
from tests.services import Service

WORLD = WorldParams(
    people=60, works=60, organisations=24, cities=24, countries=8, train_questions=60, test_questions=12
)


@pytest.fixture
def params(tmp_path, monkeypatch):
    monkeypatch.chdir(link_checkout(tmp_path))
    fetched = FetchParams(source="world", world=WORLD)
    fetch(fetched, "data/fetch")
    params = Params(
        profile="test", fetch=fetched, index=IndexParams(measured_depths=[2, 10], measured_questions=20)
    )
    corpus_stage.main(params)
    return params


@pytest.mark.slow
def test_the_stage_fills_its_folder(params, tmp_path):
    main(params)
    corpus = Corpus.open("data/corpus")
    report = json.loads((tmp_path / "data" / "index" / "report.json").read_text())
    assert report["passages"] == len(corpus)
    audits = [rows["all"] for rows in report["gold"].values()]
    assert all(row["same_content"] == row["supports"] == row["asked"] > 0 for row in audits)
    assert list(report["methods"]) == ["bm25", "dense", "hybrid"]
    assert report["methods"]["bm25"]["musique_train"]["questions"] == 20
    assert "dense_against_exact" not in report
    timings = json.loads((tmp_path / "data" / "timings" / "index.json").read_text())
    assert set(timings) == {"build", "term_statistics", "measure", "queries_a_second"}
    assert timings["queries_a_second"].keys() == report["methods"].keys()
    size = (tmp_path / "data" / "index" / "dense" / "index.faiss").stat().st_size
    assert report["dense_index"] == {"bytes": size, "bytes_a_vector": round(size / len(corpus), 1)}
    assert 4096 < size / len(corpus) < 4097  # 1024 numbers of 4 bytes
    assert TfidfSimilarity.open("data/index/tfidf", corpus).documents == len(corpus)
    assert open_retriever(params.retrieval, "data/index", corpus).search([corpus[0].title], 1)[0]


def test_what_a_service_is_to_search_is_built_before_there_is_one(params):
    with Service(lambda path, body: (503, {}, {})) as service:
        params.retrieval = RetrievalParams(method="remote", url=service.url, patience=1)
        params.index.measured_methods = ["bm25"]
        main(params)
        assert service.asked == []
    assert json.loads(Path("data/index/manifest.json").read_text())["settings"].keys() == {"bm25"}


@pytest.mark.slow
def test_an_approximate_index_is_measured_against_exact_search(params, tmp_path):
    params.retrieval = RetrievalParams(dimensions=64, index_factory="HNSW8")
    main(params)
    report = json.loads((tmp_path / "data" / "index" / "report.json").read_text())
    assert 0.5 < report["dense_against_exact"]["2"] <= 1.0


@pytest.mark.slow
def test_a_ready_made_index_is_searched_where_it_is(params, tmp_path):
    main(params)
    built = tmp_path / "data" / "index" / "dense" / "index.faiss"
    built.rename(tmp_path / "published.index")
    params.index.ready_made = "published.index"
    params.retrieval.method = "dense"
    main(params)
    assert not built.exists()
    manifest = json.loads((tmp_path / "data" / "index" / "manifest.json").read_text())
    size = (tmp_path / "published.index").stat().st_size
    vectors = len(Corpus.open("data/corpus"))
    made = {"path": "published.index", "bytes": size, "vectors": vectors, "passages": vectors, "alike": 1}
    assert manifest["ready_made"] == made | {"sampled_sha256": sha256_samples("published.index")}
    report = json.loads((tmp_path / "data" / "index" / "report.json").read_text())
    assert report["dense_index"]["bytes"] == size


THREE_RANKS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from stepsearch_core.params import load_params
from stepsearch_core.retrieval import sentence_encoder, shards
from tasks.index import main
shards.SHARD_PASSAGES = 64
if __name__ == "__main__":
    sentence_encoder.SentenceEncoder.encode_passages = None  # this process leaves that to the ranks
    main(load_params("params.yaml", ["index.processes=3"]))
"""


@pytest.mark.slow
def test_an_index_is_the_same_bits_whether_one_process_encodes_or_three(tmp_path, monkeypatch):
    """Shards of 64 of 200 passages: one rank has two of them. Each rank imports the script, too."""
    folder = link_checkout(tmp_path)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 64)
    texts = (f"word{number} word{number % 7} word{number % 17}" for number in range(200))
    (folder / "own").mkdir()
    rows = ({"id": number, "title": "", "text": text} for number, text in enumerate(texts))
    write_jsonl(folder / "own" / "c.jsonl", rows)
    params = Params(
        profile="test",
        fetch=FetchParams(source="files", folder="own", files={"corpus": "c.jsonl"}),
        retrieval=RetrievalParams(
            method="dense", encoder=save_bert(folder / "encoder"), index_factory="SQ8"
        ),
        index=IndexParams(measured_methods=["dense"]),
        synthesize=SynthesizeParams(sources=["dense"]),
    )
    for stage in (fetch_stage, corpus_stage, index_stage):
        stage.main(params)
    index = folder / "data" / "index" / "dense" / "index.faiss"
    one = index.read_bytes()
    index.unlink()
    (folder / "params.yaml").write_text(params_yaml(params))
    (folder / "three.py").write_text(THREE_RANKS)
    done = subprocess.run([sys.executable, "three.py"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert index.read_bytes() == one


@pytest.mark.slow
def test_documents_alone_are_indexed_and_found_and_nothing_is_measured(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(link_checkout(tmp_path))
    docs = tmp_path / "own"
    docs.mkdir()
    (docs / "ada.txt").write_text("Ada was born in Oslo. She plays chess.")
    (docs / "norway.md").write_text("# Norway\n\nOslo lies in Norway, at the end of a fjord.\n")
    fetched = FetchParams(source="files", folder="own", files={"documents": "."})
    params = Params(profile="test", fetch=fetched, corpus=CorpusParams(passage_words=5))
    with caplog.at_level("INFO"):
        for stage in (fetch_stage, corpus_stage, index_stage):
            stage.main(params)
    assert "has nothing to measure retrieval by" in caplog.text
    assert "5 passages; retrieval not measured, as no question has known supports" in caplog.text
    made = Corpus.open("data/corpus")
    assert [passage.title for passage in made] == ["ada", "ada", "Norway", "Norway", "Norway"]
    [hits] = open_retriever(params.retrieval, "data/index", made).search(["who plays chess"], 1)
    assert hits[0].passage.text == "She plays chess."
    report = json.loads(Path("data/index/report.json").read_text())
    assert (report["passages"], report["gold"]) == (5, {})
