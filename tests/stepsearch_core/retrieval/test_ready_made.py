"""Files as others make them: vectors of a corpus file's passages, in an order that the corpus nearly has."""

from dataclasses import replace
from itertools import chain

import faiss
import numpy as np
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_samples
from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.encoders import fit_encoder
from stepsearch_core.retrieval.index import build_index, open_ranker, open_retriever
from stepsearch_core.retrieval.ready_made import ReadyMade
from tests.stepsearch_core.retrieval.test_dense import texts

PARAMS = RetrievalParams(method="dense", dimensions=32)


@pytest.fixture
def published(tmp_path):
    """`published(texts, factory, others)`: a corpus of these texts and others, and an index of the first."""

    def make(texts, factory="Flat", others=(), vectors=lambda made: made, metric=faiss.METRIC_INNER_PRODUCT):
        passages = [Passage(passage_id("", text), "", text) for text in texts]
        build_corpus(chain(passages, (Passage("", "", text) for text in others)), tmp_path / "corpus")
        corpus = Corpus.open(tmp_path / "corpus")
        (tmp_path / "fitted").mkdir()
        encoded = vectors(fit_encoder(PARAMS, corpus, tmp_path / "fitted").encode_passages(texts))
        index = faiss.index_factory(encoded.shape[1], factory, metric)
        index.train(encoded)
        index.add(encoded)
        faiss.write_index(index, str(tmp_path / "published.index"))
        return corpus, ReadyMade(tmp_path / "published.index", passages)

    return make


def rank(corpus, folder, queries, k=5):
    return open_ranker(PARAMS, folder, corpus).rank(queries, k)


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["Flat", "SQ8", "HNSW16", "IVF4,SQ8", "PQ8x4fs"])
def test_a_file_of_another_is_searched_as_one_that_is_built_here(published, tmp_path, factory):
    corpus, made = published(texts(300, seed=1), factory)
    manifest = build_index(corpus, PARAMS, tmp_path / "index", ready_made=made)
    assert manifest["ready_made"] == {
        "path": str(made.file),
        "bytes": made.file.stat().st_size,
        "sampled_sha256": sha256_samples(made.file),
        "vectors": 300,
        "passages": 300,
        "alike": pytest.approx(1, abs=0.05),
    }
    assert sorted(path.name for path in (tmp_path / "index" / "dense").iterdir()) == [
        "idf.npy",
        "ready_made.json",
    ]
    if factory == "Flat":
        build_index(corpus, PARAMS, tmp_path / "built")
        queries = texts(10, seed=2)
        assert rank(corpus, tmp_path / "index", queries) == rank(corpus, tmp_path / "built", queries)
    # neither kind nor precision is a setting of a file that is there
    other = replace(PARAMS, index_factory="HNSW32", dtype="float16")
    found = open_retriever(other, tmp_path / "index", corpus).search([corpus[7].text], 3)
    assert found[0]


@pytest.mark.slow
def test_passages_that_the_file_has_twice_are_found_once_at_their_place_in_the_corpus(published, tmp_path):
    once = texts(40, seed=3)
    corpus, made = published([*once[:10], once[3], "  ".join(once[4].split()), *once[10:], once[39]])
    assert len(corpus) == 40
    build_index(corpus, PARAMS, tmp_path / "index", ready_made=made)
    build_index(corpus, PARAMS, tmp_path / "built")
    queries = [once[3], once[4], once[20], once[39]]
    found, wanted = (rank(corpus, tmp_path / name, queries) for name in ("index", "built"))
    assert [position for position, _ in (ranking[0] for ranking in found)] == [3, 4, 20, 39]
    assert [[position for position, _ in ranking] for ranking in found] == [
        [position for position, _ in ranking] for ranking in wanted
    ]


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["Flat", "IVF4,Flat"])
def test_passages_behind_those_of_the_file_get_vectors_here(published, tmp_path, monkeypatch, factory):
    """In parts of a shard of 8, after 40 passages of which the file has one twice."""
    once, others, queries = texts(40, seed=3), texts(20, seed=8), texts(10, seed=9)
    corpus, made = published([*once, once[5]], factory, others)
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 8)
    monkeypatch.setattr("stepsearch_core.retrieval.parts.PART_BYTES", 1)
    manifest = build_index(corpus, PARAMS, tmp_path / "index", ready_made=made)
    assert (manifest["ready_made"]["vectors"], manifest["ready_made"]["passages"]) == (41, 40)
    assert len(list((tmp_path / "index" / "dense").glob("part_*"))) == 3
    build_index(corpus, PARAMS, tmp_path / "built")
    ranker = open_ranker(PARAMS, tmp_path / "index", corpus)
    if factory != "Flat":  # all of its lists
        faiss.extract_index_ivf(ranker.index.at(0)).nprobe = 4  # type: ignore[attr-defined]
    wanted = rank(corpus, tmp_path / "built", queries)
    assert [[hit[0] for hit in ranking] for ranking in ranker.rank(queries, 5)] == [
        [hit[0] for hit in ranking] for ranking in wanted
    ]
    max((tmp_path / "index" / "dense").glob("part_*")).unlink()
    with pytest.raises(DataError, match="57 vectors of 61: a part is missing"):
        open_ranker(PARAMS, tmp_path / "index", corpus)


def reverse(vectors):
    return np.ascontiguousarray(vectors[::-1])


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["Flat", "IVF4,SQ8", "HNSW16"])
@pytest.mark.parametrize("wrong", [reverse, lambda vectors: np.roll(vectors, 1, axis=0)])
def test_vectors_in_another_order_are_refused_with_the_share(published, tmp_path, factory, wrong):
    corpus, made = published(texts(300, seed=4), factory, vectors=wrong)
    with pytest.raises(DataError, match=r"index\.ready_made.* \d%? of 64 sampled passages are what"):
        build_index(corpus, PARAMS, tmp_path / "index", ready_made=made)
    assert not (tmp_path / "index").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda made: replace(made, passages=made.passages[:-1]),
            "300 vectors, and 299 passages in the corpus file",
        ),
        (
            lambda made: replace(made, passages=[made.passages[1], *made.passages[1:]]),
            "the corpus does not begin with the passages of the corpus file",
        ),
        (
            lambda made: replace(made, passages=[*made.passages[:-1], Passage("0" * 16, "", "x")]),
            "1 passages of the corpus file are not in the corpus",
        ),
        (
            lambda made: replace(made, file=made.file.with_name("nowhere")),
            r"index\.ready_made.*/nowhere: no such file",
        ),
    ],
)
def test_a_file_of_other_passages_is_refused_with_the_numbers(published, tmp_path, change, said):
    corpus, made = published(texts(300, seed=5))
    with pytest.raises(DataError, match=said):
        build_index(corpus, PARAMS, tmp_path / "index", ready_made=change(made))


UNEVEN = np.geomspace(0.1, 10, 300)[:, None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factory", "length"),
    [
        *(("Flat", length) for length in (10, 0.1, 1.3, np.nan, UNEVEN)),
        *(("IVF4,SQ8", length) for length in (10, 0.1, UNEVEN)),
        ("HNSW16", np.nan),
    ],
)
def test_vectors_of_another_length_are_refused(published, tmp_path, factory, length):
    """They are of these passages, and found first: but not by the scores of vectors that are made here."""

    def stretched(vectors):
        return (vectors * length).astype(np.float32)

    corpus, made = published(texts(300, seed=4), factory, vectors=stretched)
    with pytest.raises(DataError, match=r"sampled passages are what .* another length than 1"):
        build_index(corpus, PARAMS, tmp_path / "index", ready_made=made)


def test_a_file_that_cannot_be_taken_is_refused_before_any_index_is_built(published, tmp_path, monkeypatch):
    corpus, made = published(texts(100, seed=6))
    monkeypatch.delattr("stepsearch_core.retrieval.index.bm25_engine")
    monkeypatch.delattr("stepsearch_core.retrieval.dense.fit_encoder")
    made.file.write_bytes(b"no index")
    with pytest.raises(DataError, match=r"index\.ready_made.*no whole index"):
        build_index(corpus, replace(PARAMS, method="hybrid"), tmp_path / "index", ready_made=made)


@pytest.mark.slow
def test_how_thoroughly_it_is_searched_is_of_the_file_and_not_of_the_vectors_made_here(published, tmp_path):
    corpus, made = published(texts(300, seed=6), "IVF4,Flat", others=texts(20, seed=8))
    params = replace(PARAMS, index_search="nprobe=4")
    build_index(corpus, params, tmp_path / "index", ready_made=made)
    build_index(corpus, PARAMS, tmp_path / "built")
    found = open_ranker(params, tmp_path / "index", corpus).rank(texts(10, seed=9), 5)
    wanted = rank(corpus, tmp_path / "built", texts(10, seed=9))
    assert [[hit[0] for hit in hits] for hits in found] == [[hit[0] for hit in hits] for hits in wanted]


def test_other_dimensions_and_another_metric_are_refused(published, tmp_path):
    corpus, made = published(texts(100, seed=6), vectors=lambda made: np.ascontiguousarray(made[:, :16]))
    with pytest.raises(DataError, match="vectors of 16 dimensions, and the encoder makes 32"):
        build_index(corpus, PARAMS, tmp_path / "index", ready_made=made)


def test_another_metric_is_refused(published, tmp_path):
    corpus, made = published(texts(100, seed=6), metric=faiss.METRIC_L2)
    with pytest.raises(DataError, match="another metric"):
        build_index(corpus, PARAMS, tmp_path / "index", ready_made=made)


@pytest.mark.slow
def test_a_file_that_is_not_what_it_was_is_named(published, tmp_path):
    corpus, made = published(texts(100, seed=7))
    build_index(corpus, PARAMS, tmp_path / "index", ready_made=made)
    whole = made.file.read_bytes()
    others = whole[:-1] + bytes([whole[-1] ^ 1])
    for changed in (whole + b"more", others):
        made.file.write_bytes(changed)
        with pytest.raises(
            DataError, match=r"published\.index: another file than was checked, where.* named"
        ):
            open_ranker(PARAMS, tmp_path / "index", corpus)
    made.file.unlink()
    with pytest.raises(DataError, match=r"published\.index: no file any more.*--single-item --force index"):
        open_ranker(PARAMS, tmp_path / "index", corpus)
