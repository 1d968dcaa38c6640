import json
from pathlib import Path

import pytest

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.fetching.fetch import fetch
from stepsearch_core.params import (
    CorpusParams,
    FetchParams,
    IndexParams,
    Params,
    RetrievalParams,
    WorldParams,
)
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from tasks import corpus as corpus_stage
from tasks import fetch as fetch_stage
from tasks import index as index_stage
from tasks.index import main
from tests.checkout import link_checkout

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


@pytest.mark.slow
def test_an_approximate_index_is_measured_against_exact_search(params, tmp_path):
    params.retrieval = RetrievalParams(dimensions=64, index_factory="HNSW8")
    main(params)
    report = json.loads((tmp_path / "data" / "index" / "report.json").read_text())
    assert 0.5 < report["dense_against_exact"]["2"] <= 1.0


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
