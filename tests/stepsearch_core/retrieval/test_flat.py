from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.retrieval.flat import flat_parts, search_flat


def unit(count, dimensions, seed):
    vectors = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def flat(vectors):
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def sharded(vectors, size):
    made: Any = faiss.IndexShards  # the stub lacks arguments
    index = made(vectors.shape[1], False, True)
    parts = [flat(vectors[start : start + size]) for start in range(0, len(vectors), size)]
    for part in parts:
        index.add_shard(part)
    index.referenced_objects = parts
    return index


def expected(vectors, queries, k):
    """In double precision, rounded once; ties by position."""
    exact = (queries.astype(np.float64) @ vectors.astype(np.float64).T).astype(np.float32)
    order = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(exact, order, axis=1), order


@given(st.integers(1, 400), st.integers(1, 9), st.integers(1, 64), st.integers(0, 2**32), st.booleans())
def test_scores_and_order_are_those_of_double_precision_however_many_are_searched_at_once(
    n, q, d, seed, shards
):
    vectors, queries = unit(n, d, seed), unit(q, d, seed + 1)
    vectors[n // 2 :] = vectors[: n - n // 2]  # every one twice, so that all tie
    index = sharded(vectors, 1 + n // 3) if shards else flat(vectors)
    k = min(n, 5)
    scores, positions = search_flat(index, flat_parts(index), queries, k)
    for number, query in enumerate(queries):
        alone_scores, alone_positions = search_flat(index, flat_parts(index), query[None], k)
        assert scores[number].tolist() == alone_scores[0].tolist()
        assert positions[number].tolist() == alone_positions[0].tolist()
    right_scores, right_positions = expected(vectors, queries, k)
    np.testing.assert_allclose(scores, right_scores, rtol=0, atol=1e-7)
    same = scores == right_scores
    assert (positions == right_positions)[same.all(axis=1)].all()


def test_of_more_equal_vectors_than_are_proposed_the_first_are_found():
    vectors = np.repeat(unit(2, 16, 0), 500, axis=0)
    index = flat(vectors)
    _, positions = search_flat(index, flat_parts(index), vectors[[0, 999, 0, 999]], 3)
    assert positions.tolist() == [[0, 1, 2], [500, 501, 502]] * 2


def test_a_query_of_zeros_finds_nothing_and_others_beside_it_do():
    index = flat(unit(50, 8, 0))
    queries = np.concatenate([np.zeros((1, 8), np.float32), unit(3, 8, 1)])
    _, positions = search_flat(index, flat_parts(index), queries, 5)
    assert (positions[0] == -1).all()
    assert (positions[1:] >= 0).all()


def test_products_of_matrices_do_differ_in_the_last_bits_and_this_does_not():
    vectors, queries = unit(5000, 256, 0), unit(64, 256, 1)
    index = flat(vectors)
    together, _ = search_flat(index, flat_parts(index), queries, 10)
    product, _ = index.search(queries, 10)
    one_by_one = np.concatenate([index.search(query[None], 10)[0] for query in queries])
    assert (product != one_by_one).any()
    alone = np.concatenate([search_flat(index, flat_parts(index), query[None], 10)[0] for query in queries])
    assert (together == alone).all()


@pytest.mark.parametrize("factory", ["SQfp16", "IVF2,Flat", "PCA4,Flat", "HNSW4"])
def test_other_kinds_have_no_flat_parts(factory):
    index = faiss.index_factory(8, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(unit(100, 8, 0))
    index.add(unit(100, 8, 0))
    assert flat_parts(index) == []
