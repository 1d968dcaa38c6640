import numpy as np
import pytest

from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.dense import DenseIndex, exact_ranking

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
        index.index.nprobe = 4  # all clusters: exact
    queries = texts(20, seed=2)
    for query, ranking in zip(queries, index.rank(queries, 5), strict=True):
        wanted = brute_force(index.encoder, passages, query, 5)
        assert [position for position, _ in ranking] == [position for position, _ in wanted]
        assert [score for _, score in ranking] == pytest.approx([score for _, score in wanted], abs=1e-5)


@pytest.mark.parametrize("factory", ["Flat", "IVF4,SQ8", "HNSW16"])
def test_a_saved_index_ranks_alike(make_corpus, tmp_path, factory):
    params = RetrievalParams(dimensions=32, index_factory=factory)
    index = DenseIndex.build(make_corpus(texts(200, seed=3)), params, tmp_path)
    queries = texts(10, seed=4)
    assert DenseIndex.open(tmp_path, params).rank(queries, 3) == index.rank(queries, 3)


def test_an_exact_ranking_needs_no_index(make_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("stepsearch_core.retrieval.dense.ENCODED_AT_ONCE", 32)  # several batches, the last one short
    corpus = make_corpus(texts(100, seed=5))
    index = DenseIndex.build(corpus, RetrievalParams(dimensions=64), tmp_path)
    queries = texts(10, seed=6)
    for exact, flat in zip(exact_ranking(index.encoder, corpus, queries, 40), index.rank(queries, 40), strict=True):
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
