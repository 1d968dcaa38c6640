from dataclasses import replace

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.fingerprint import fingerprint
from stepsearch_core.retrieval.index import build_index


@pytest.mark.slow
def test_equal_searches_have_equal_fingerprints_and_whatever_differs_tells_them_apart(make_corpus, tmp_path):
    corpus, other = make_corpus(["cat sat", "dog ran"]), make_corpus(["cat sat", "dog ran away"])
    params = RetrievalParams(dimensions=8)
    build_index(corpus, params, tmp_path / "index", measured=["hybrid"])
    build_index(corpus, params, tmp_path / "again")
    build_index(corpus, replace(params, bm25_b=0.5), tmp_path / "b")
    build_index(other, params, tmp_path / "other")
    found = fingerprint(params, tmp_path / "index", corpus)
    assert (found.corpus, found.passages, found.method) == (corpus.hash, 2, "bm25")
    assert found == fingerprint(params, tmp_path / "again", corpus)
    assert found == fingerprint(replace(params, fusion_constant=5), tmp_path / "index", corpus)
    assert found == fingerprint(replace(params, index_search="nprobe=2"), tmp_path / "index", corpus)
    hybrid = replace(params, method="hybrid")
    others = [
        fingerprint(params, tmp_path / "b", corpus),
        fingerprint(params, tmp_path / "other", other),
        fingerprint(replace(params, method="dense"), tmp_path / "index", corpus),
        fingerprint(hybrid, tmp_path / "index", corpus),
        fingerprint(replace(hybrid, fusion_constant=5), tmp_path / "index", corpus),
        fingerprint(replace(hybrid, index_search="nprobe=2"), tmp_path / "index", corpus),
    ]
    assert len({one.index for one in (found, *others)}) == 7


def test_without_an_index_there_is_none(make_corpus, tmp_path):
    with pytest.raises(DataError, match=r"manifest\.json: no such file"):
        fingerprint(RetrievalParams(), tmp_path, make_corpus(["cat"]))
