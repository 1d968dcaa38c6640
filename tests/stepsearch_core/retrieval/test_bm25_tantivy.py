"""What tantivy alone does; `test_bm25_engines.py` has what holds for every engine."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import TANTIVY_CONSTANTS, RetrievalParams
from stepsearch_core.retrieval import bm25_tantivy
from stepsearch_core.retrieval.bm25_tantivy import TantivyIndex
from stepsearch_core.retrieval.index import build_index, open_ranker
from tests.import_graph import ROOT

PARAMS = RetrievalParams(bm25_engine="tantivy", bm25_k1=TANTIVY_CONSTANTS[0], bm25_b=TANTIVY_CONSTANTS[1])


@pytest.mark.parametrize("change", [{"bm25_k1": 1.5}, {"bm25_b": 0.4}])
def test_other_constants_are_refused(make_corpus, tmp_path, change):
    params = RetrievalParams(**{**vars(PARAMS), **change})
    with pytest.raises(DataError, match=r"'retrieval\.bm25_engine': tantivy has k1 = 1\.2 and b = 0\.75"):
        TantivyIndex.build(make_corpus(["cat"]), params, tmp_path)


def test_without_the_package_the_error_says_how_to_get_it(make_corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tantivy", None)
    wanted = r"^params: field 'retrieval\.bm25_engine': .*pip install 'stepsearch\[tantivy\]'"
    with pytest.raises(DataError, match=wanted):
        TantivyIndex.build(make_corpus(["cat"]), PARAMS, tmp_path)
    with pytest.raises(DataError, match=wanted):
        TantivyIndex.open(tmp_path, PARAMS)


def test_no_index_and_a_damaged_one_are_named(make_corpus, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="none: no whole index: "):
        TantivyIndex.open(tmp_path / "none", PARAMS)
    TantivyIndex.build(make_corpus(["cat"]), PARAMS, tmp_path)
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(DataError, match="no whole index: "):
        TantivyIndex.open(tmp_path, PARAMS)


def test_opening_and_searching_leaves_the_index_as_it_is(make_corpus, tmp_path):
    (tmp_path / "index").mkdir()
    TantivyIndex.build(make_corpus(["cat"]), PARAMS, tmp_path / "index")
    for file in (tmp_path / "index").glob(".*.lock"):
        file.unlink()
    before = sorted((tmp_path / "index").iterdir())
    assert TantivyIndex.open(tmp_path / "index", PARAMS).rank(["cat"], 1)[0][0][0] == 0
    assert sorted((tmp_path / "index").iterdir()) == before


def test_a_length_is_exact_to_40_words_and_then_less_by_up_to_a_ninth(make_corpus, tmp_path):
    lengths = np.arange(1, 400)
    corpus = make_corpus([" ".join(["cat", f"n{n}", *["dog"] * (n - 2)][:n]) for n in lengths])
    (ranking,) = TantivyIndex.build(corpus, PARAMS, tmp_path).rank(["cat"], len(lengths))
    scores = np.array([score for _, score in sorted(ranking)])
    k1, b = TANTIVY_CONSTANTS
    idf = np.log(1 + 0.5 / (len(lengths) + 0.5))
    # score = idf / (1 + k1 (1 - b + b length / mean length)), solved for the length
    kept = ((idf / scores - 1) / k1 - (1 - b)) / b * lengths.mean()
    assert kept[:40] == pytest.approx(lengths[:40], abs=0.01)
    assert (kept <= lengths + 0.01).all()
    assert (kept >= lengths * 0.888).all()


@pytest.mark.slow
def test_ties_come_in_the_order_of_the_corpus_whatever_segments_they_lie_in(
    make_corpus, tmp_path, monkeypatch
):
    monkeypatch.setattr(bm25_tantivy, "WRITER_BYTES", 15_000_000)  # the least that tantivy takes
    passages = 6_000
    corpus = make_corpus(
        ["cat dog " + " ".join(f"{number}x{word}" for word in range(60)) for number in range(passages)]
    )
    index = TantivyIndex.build(corpus, PARAMS, tmp_path)
    assert index.searcher.num_segments > 1
    for k in (1, 10, 5_000):
        (ranking,) = index.rank(["dog cat"], k)
        assert [position for position, _ in ranking] == list(range(k))
        assert len({score for _, score in ranking}) == 1


KILLED = """
import os, signal, sys
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.retrieval import bm25_tantivy, index
from tests.stepsearch_core.retrieval.test_bm25_tantivy import PARAMS

def words(text):
    if text == "cat 199":
        os.kill(os.getpid(), signal.SIGKILL)
    return text.split()

bm25_tantivy.indexed_words = lambda params: words
index.build_index(Corpus.open(sys.argv[1]), PARAMS, sys.argv[2])
"""


@pytest.mark.slow
def test_a_build_that_was_killed_leaves_nothing_that_looks_like_an_index(make_corpus, tmp_path):
    corpus = make_corpus([f"cat {number}" for number in range(200)])
    folder = tmp_path / "index"
    command = [sys.executable, "-c", KILLED, tmp_path / "corpus0", folder]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == -signal.SIGKILL
    assert not folder.exists()
    build_index(corpus, PARAMS, folder)
    assert open_ranker(PARAMS, folder, corpus).rank(["199"], 3)[0][0][0] == 199
    assert not list(tmp_path.glob(".index.*"))
