import sys

import faiss
import numpy as np
import pytest

from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.base.text import open_segmenter
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import build_corpus


@pytest.fixture
def corpus(files, questions):
    """Overrides for a corpus file of 375 passages."""
    overrides = files()
    write_jsonl(
        questions / "corpus.jsonl",
        ({"id": str(n), "title": f"T{n}", "text": "a b"} for n in range(375)),
    )
    named = "fetch.files={musique_train: m.jsonl, musique: m.jsonl, corpus: corpus.jsonl}"
    return (*overrides[:2], named, overrides[3], "corpus.include_benchmarks=false")


def test_more_clusters_than_passages(look, corpus):
    seen = look(*corpus, "retrieval.index_factory=IVF4096,SQ8")
    assert seen.status == 1
    assert "retrieval.index_factory: 'IVF4096,SQ8' is trained on at least 4,096 passages" in seen.findings[0]
    assert "of the corpus's 375" in seen.findings[0]
    assert "IVF9" in seen.findings[0]
    assert look(*corpus, "retrieval.index_factory=IVF8,SQ8").status == 0


def test_more_clusters_than_the_corpus_of_an_earlier_stage(look, tmp_path):
    (tmp_path / "data").mkdir()
    build_corpus((Passage("", str(number), "text") for number in range(99)), tmp_path / "data" / "corpus")
    seen = look("retrieval.index_factory=IVF4096,SQ8", "--from", "index")
    assert seen.status == 1
    assert "of the corpus's 99 " in seen.findings[0]


@pytest.mark.slow
def test_an_index_that_no_memory_holds(look, tmp_path):
    assert (
        "100000000 is not at least 1 and at most 32768" in look("retrieval.dimensions=100000000").findings[0]
    )
    (tmp_path / "data" / "corpus").mkdir(parents=True)
    write_json(tmp_path / "data" / "corpus" / "manifest.json", {"hash": "", "rows": 10**9})
    seen = look("retrieval.dimensions=32768", "--from", "index")
    assert seen.status == 1
    (line,) = [line for line in seen.findings if "of disk" in line]
    needed = (
        "GB of disk are needed to build the index of 1,000,000,000 passages of 32,768 dimensions in 'Flat'"
    )
    assert f"retrieval.dimensions: 131072.5 {needed}; " in line
    (line,) = [line for line in seen.findings if "read up to" in line]
    assert line.startswith("warning: ")
    assert (
        "searches of 1,000,000,000 passages of 32,768 dimensions in 'Flat' read up to 131072.0 GB from"
        in line
    )
    seen = look("retrieval.dimensions=32768", "retrieval.index_factory=HNSW32", "--from", "index")
    (line,) = [line for line in seen.findings if "main memory are needed" in line]
    assert (
        "262688.5 GB of main memory are needed to build the index of 1,000,000,000 passages of 32,768"
        in line
    )


@pytest.mark.slow
def test_a_factory_that_faiss_does_not_know(look):
    seen = look("retrieval.index_factory=IVFlat")
    assert seen.status == 1
    reason = "could not parse index string IVFlat; Flat always works"
    assert f"retrieval.index_factory: FAISS cannot make 'IVFlat': {reason}" in seen.findings[0]


def test_a_search_parameter_that_the_index_has_not(look):
    (line,) = look("retrieval.index_search=nprobe=8").findings
    assert "retrieval.index_search: 'nprobe=8': " in line
    assert look("retrieval.index_search=nprobe=8", "retrieval.index_factory=IVF8,SQ8").status == 0


@pytest.mark.parametrize("factory", ["IDMap2,HNSW32", "IDMap,Flat"])
def test_one_thing_that_is_wrong_is_said_once(look, factory):
    (line,) = look(f"retrieval.index_factory={factory}").findings  # the plan needs the index too
    assert f"retrieval.index_factory: FAISS cannot make '{factory}'" in line


def test_more_dimensions_than_the_encoder_makes(look):
    seen = look("retrieval.index_factory=PCA2000,Flat", "retrieval.dimensions=1024")
    assert seen.status == 1
    assert (
        "retrieval.index_factory: 'PCA2000,Flat' asks PCA for 2,000 dimensions of the 1,024"
        in seen.findings[0]
    )


def test_stop_words_and_segmenters_that_are_not_there(look, monkeypatch):
    (line,) = look("retrieval.stopwords=xx").findings
    assert line.startswith("error: override retrieval.stopwords=xx: retrieval.stopwords: xx not recognized")
    assert look("retrieval.stopwords=en").findings == []
    monkeypatch.setitem(sys.modules, "rjieba", None)  # as where it is not installed
    open_segmenter.cache_clear()  # another test may have opened it
    (line,) = look("retrieval.segmenter=jieba").findings
    assert line.startswith("error: override retrieval.segmenter=jieba: retrieval.segmenter: ")
    assert "pip install" in line


def test_tantivy_that_is_not_installed(look, monkeypatch):
    tantivy = ("retrieval.bm25_engine=tantivy", "retrieval.bm25_k1=1.2")
    assert look(*tantivy).findings == []
    monkeypatch.setitem(sys.modules, "tantivy", None)
    (line,) = look(*tantivy).findings
    assert line.startswith("error: override retrieval.bm25_engine=tantivy: retrieval.bm25_engine: ")
    assert "pip install 'stepsearch[tantivy]'" in line


def test_bm25_that_memory_does_not_do_for(look, tmp_path):
    (tmp_path / "data" / "corpus").mkdir(parents=True)
    write_json(tmp_path / "data" / "corpus" / "manifest.json", {"hash": "", "rows": 10**9})
    methods = ("--from", "index", "index.measured_methods=[bm25]", "synthesize.sources=[bm25]")
    (line,) = look(*methods).findings
    assert "retrieval.bm25_engine: bm25s takes 3700.0 GB of main memory to index 1,000,000,000" in line
    assert look(*methods, "retrieval.bm25_engine=tantivy", "retrieval.bm25_k1=1.2").findings == []


def test_a_factory_that_ends_the_process_is_not_tried(look):
    assert "HNSW needs at least 2 links" in look("retrieval.index_factory=HNSW1").findings[0]


def test_a_report_without_the_method_that_is_used(look):
    seen = look("index.measured_methods=[dense]", "synthesize.sources=[dense]")
    assert seen.status == 0
    assert "the report does not measure bm25, which retrieval.method searches with" in seen.findings[0]


def test_a_ready_made_index_that_is_not_there_and_a_gpu_that_faiss_cannot_use(look, tmp_path):
    (line,) = look("index.ready_made=published.index").findings
    assert f"index.ready_made: {tmp_path / 'published.index'}: no such file" in line
    (tmp_path / "published.index").touch()
    (line,) = look("index.ready_made=published.index").findings
    assert f"index.ready_made: {tmp_path / 'published.index'}: no whole index" in line
    if not hasattr(faiss, "StandardGpuResources"):
        (line,) = look("retrieval.device=cuda").findings
        assert "retrieval.device: the FAISS that is installed has no GPU support (faiss-cpu)" in line


@pytest.fixture
def published(tmp_path):
    """`published(vectors, dimensions, factory)`: the override that names a FAISS file of so many."""

    def make(vectors, dimensions=64, factory="Flat"):
        made = faiss.index_factory(dimensions, factory, faiss.METRIC_INNER_PRODUCT)
        rows = np.random.default_rng(0).standard_normal((vectors, dimensions)).astype(np.float32)
        made.train(rows)
        made.add(rows)
        faiss.write_index(made, str(tmp_path / "published.index"))
        return "index.ready_made=published.index"

    return make


@pytest.mark.slow
def test_a_ready_made_index_of_another_encoder_or_corpus_file(look, corpus, published):
    small = (*corpus, "retrieval.dimensions=64")
    assert look(*small, published(375)).findings == look(*small).findings
    (line,) = set(look(*small, published(375, 32)).findings) - set(look(*small).findings)
    assert "vectors of 32 dimensions, and the encoder makes 64" in line
    (line,) = set(look(*small, published(100)).findings) - set(look(*small).findings)
    assert line.startswith("error: override index.ready_made=published.index: index.ready_made: 100 vectors")
    assert "about 375 lines in " in line


def test_a_ready_made_index_without_a_corpus_file(look, files, published):
    lines = look(*files(), "retrieval.dimensions=64", published(9)).findings
    assert [line for line in lines if "index.ready_made: no corpus file is fetched" in line]


def test_a_ready_made_index_that_nothing_searches(look, published):
    (line,) = look(published(9), "index.measured_methods=[bm25]", "synthesize.sources=[bm25]").findings
    assert line.startswith("warning: ")
    assert "no method that is used or measured searches a dense index: the file is ignored" in line


def test_a_search_parameter_is_of_the_ready_made_index(look, published):
    search = ("retrieval.dimensions=64", "retrieval.index_search=nprobe=8")
    assert look(*search, published(400, factory="IVF8,Flat")).findings == []
    (line,) = look(*search, published(400)).findings
    assert "retrieval.index_search: 'nprobe=8': could not set parameter nprobe; null always works" in line
