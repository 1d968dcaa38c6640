from dataclasses import replace

import numpy as np
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.dense import DenseIndex, exact_ranking
from stepsearch_core.retrieval.index import build_index

WORDS = [f"word{number}" for number in range(100)]


def texts(count, seed):
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, size=8)) for _ in range(count)]


def brute_force(encoder, passages, query, k):
    scores = encoder.encode_passages(passages) @ encoder.encode_queries([query])[0]
    return sorted(enumerate(scores.tolist()), key=lambda hit: (-hit[1], hit[0]))[:k]


@pytest.mark.parametrize("factory", ["Flat", "IVF4,Flat", "HNSW32"])
def test_an_index_ranks_as_numpy_does(make_corpus, tmp_path, factory):
    passages = texts(300, seed=1)
    params = RetrievalParams(dimensions=64, index_factory=factory)
    index = DenseIndex.build(make_corpus(passages), params, tmp_path)
    if factory.startswith("IVF"):
        index.index.nprobe = 4  # type: ignore[attr-defined]  # all clusters: exact
    queries = texts(20, seed=2)
    for query, ranking in zip(queries, index.rank(queries, 5), strict=True):
        wanted = brute_force(index.encoder, passages, query, 5)
        assert [position for position, _ in ranking] == [position for position, _ in wanted]
        assert [score for _, score in ranking] == pytest.approx([score for _, score in wanted], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["Flat", "IVF4,SQ8", "HNSW16"])
def test_a_saved_index_ranks_alike(make_corpus, tmp_path, factory):
    params = RetrievalParams(dimensions=32, index_factory=factory)
    index = DenseIndex.build(make_corpus(texts(200, seed=3)), params, tmp_path)
    queries = texts(10, seed=4)
    assert DenseIndex.open(tmp_path, params).rank(queries, 3) == index.rank(queries, 3)


def test_an_exact_ranking_needs_no_index(make_corpus, tmp_path, monkeypatch):
    # several batches, the last one short
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 32)
    corpus = make_corpus(texts(100, seed=5))
    index = DenseIndex.build(corpus, RetrievalParams(dimensions=64), tmp_path)
    queries = texts(10, seed=6)
    for exact, flat in zip(
        exact_ranking(index.encoder, corpus, queries, 40), index.rank(queries, 40), strict=True
    ):
        assert [position for position, _ in exact] == [position for position, _ in flat]


def test_edges(make_corpus, tmp_path):
    index = DenseIndex.build(make_corpus(["cat sat", "dog ran"]), RetrievalParams(dimensions=64), tmp_path)
    assert index.rank([], 3) == []
    empty, cat = index.rank(["?!", "cat"], 10)
    assert empty == []
    assert [position for position, _ in cat] == [0, 1]


def test_equal_vectors_come_in_the_order_of_the_corpus(make_corpus, tmp_path):
    corpus = make_corpus(["cat dog", "dog cat", "cat, dog", "bird"])
    index = DenseIndex.build(corpus, RetrievalParams(dimensions=64), tmp_path)
    assert [position for position, _ in index.rank(["cat dog"], 3)[0]] == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(("factory", "parts"), [("Flat", 7), ("SQ8", 4), ("IVF4,SQ8", 3), ("HNSW8", 0)])
def test_parts_rank_as_one_part_does(make_corpus, tmp_path, monkeypatch, factory, parts):
    corpus, queries = make_corpus(texts(100, seed=7)), texts(10, seed=8)
    params = RetrievalParams(dimensions=32, index_factory=factory)
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 16)
    for name in ("one", "parts"):
        (tmp_path / name).mkdir()
    one = DenseIndex.build(corpus, params, tmp_path / "one")
    assert (tmp_path / "one" / "index.faiss").is_file()
    monkeypatch.setattr("stepsearch_core.retrieval.parts.PART_BYTES", 32 * 32)
    built = DenseIndex.build(corpus, params, tmp_path / "parts")
    for index in (built, DenseIndex.open(tmp_path / "parts", params)):
        assert index.rank(queries, 20) == one.rank(queries, 20)
    assert len(list((tmp_path / "parts").glob("part_*.faiss"))) == parts


def test_an_index_in_parts_is_searched_as_thoroughly_as_asked(make_corpus, tmp_path, monkeypatch):
    """In all of its clusters it is exact."""
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 16)
    monkeypatch.setattr("stepsearch_core.retrieval.parts.PART_BYTES", 1)
    corpus, queries = make_corpus(texts(200, seed=7)), texts(10, seed=8)
    params = RetrievalParams(dimensions=32, index_factory="IVF4,Flat", index_search="nprobe=4")
    exact = exact_ranking(DenseIndex.build(corpus, params, tmp_path).encoder, corpus, queries, 5)
    positions = [[position for position, _ in ranking] for ranking in exact]
    for search, equal in (("nprobe=4", True), (None, False)):
        found = DenseIndex.open(tmp_path, replace(params, index_search=search)).rank(queries, 5)
        assert ([[position for position, _ in ranking] for ranking in found] == positions) == equal


def test_a_part_that_is_missing_is_noticed(make_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 16)
    monkeypatch.setattr("stepsearch_core.retrieval.parts.PART_BYTES", 1)
    params = RetrievalParams(dimensions=32)
    DenseIndex.build(make_corpus(texts(40, seed=7)), params, tmp_path)
    first, second, last = sorted(tmp_path.glob("part_*.faiss"))
    second.rename(tmp_path / "second")
    with pytest.raises(DataError, match=rf"{last.name}: the part before it is missing$"):
        DenseIndex.open(tmp_path, params)
    (tmp_path / "second").rename(second)
    first.unlink()
    with pytest.raises(DataError, match=rf"{second.name}: the part before it is missing$"):
        DenseIndex.open(tmp_path, params)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"index_factory": "Nope"}, "index_factory"),
        ({"index_factory": "PQ7"}, "index_factory"),  # 64 dimensions do not divide by 7
        ({"encoder": "no/such-encoder"}, "encoder"),
    ],
)
def test_settings_that_cannot_be_are_named(make_corpus, tmp_path, changes, field):
    params = RetrievalParams(**{"dimensions": 64, **changes})
    with pytest.raises(DataError, match=rf"^params: field 'retrieval\.{field}': ") as caught:
        DenseIndex.build(make_corpus(texts(20, seed=9)), params, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_factory_that_the_corpus_is_too_small_for_ends_before_anything_is_encoded(make_corpus, tmp_path):
    """A sentence encoder would have worked for hours: not one shard lies in the work folder."""
    for name in ("out", "work"):
        (tmp_path / name).mkdir()
    params = RetrievalParams(dimensions=32, index_factory="IVF4096,SQ8")
    corpus = make_corpus(texts(375, seed=10))
    problem = (
        r"^params: field 'retrieval\.index_factory': 'IVF4096,SQ8' is trained on at least 4,096 passages,"
        r" .* 375"
    )
    with pytest.raises(DataError, match=problem):
        DenseIndex.build(corpus, params, tmp_path / "out", tmp_path / "work")
    assert list((tmp_path / "work").glob("passages_*")) == []
    with pytest.raises(DataError, match=problem):
        build_index(corpus, replace(params, method="dense"), tmp_path / "index")
    assert not (tmp_path / "index").exists()


@pytest.mark.slow
def test_a_damaged_index_and_one_of_another_encoder_are_named(make_corpus, tmp_path):
    params = RetrievalParams(dimensions=32)
    DenseIndex.build(make_corpus(texts(20, seed=11)), params, tmp_path)
    with pytest.raises(DataError, match=r"index\.faiss: vectors of 32 dimensions, and the encoder makes 16"):
        DenseIndex.open(tmp_path, RetrievalParams(dimensions=16))
    whole = (tmp_path / "index.faiss").read_bytes()
    for damaged in (b"", b"nonsense", whole[:60]):
        (tmp_path / "index.faiss").write_bytes(damaged)
        with pytest.raises(DataError, match=r"index\.faiss: no whole index: "):
            DenseIndex.open(tmp_path, params)
    (tmp_path / "index.faiss").unlink()
    with pytest.raises(DataError, match=r"index\.faiss: no whole index: "):
        DenseIndex.open(tmp_path, params)
