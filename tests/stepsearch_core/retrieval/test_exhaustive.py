import faiss
import numpy as np
import pytest

from stepsearch_core.retrieval.exhaustive import leaves_out, searched_whole

VECTORS = np.random.default_rng(0).standard_normal((600, 16)).astype(np.float32)
QUERIES = np.random.default_rng(1).standard_normal((20, 16)).astype(np.float32)


def filled(factory):
    index = faiss.index_factory(16, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(VECTORS)
    index.add(VECTORS)
    return index


@pytest.mark.parametrize("factory", ["IVF32,Flat", "RR16,IVF32,Flat", "HNSW2,Flat", "Flat"])
def test_all_vectors_are_looked_at(factory):
    wanted = filled("Flat").search(QUERIES, 5)[1]
    index = filled(factory)
    assert leaves_out(index) == (factory != "Flat") == (index.search(QUERIES, 5)[1] != wanted).any()
    whole = searched_whole(filled(factory))  # of which nothing else keeps hold
    assert (whole.search(QUERIES, 5)[1] == wanted).all()


def test_codes_are_all_looked_at():
    assert not leaves_out(filled("SQ8"))
    codes, links = filled("SQ8"), filled("HNSW2_SQ8")
    assert (searched_whole(links).search(QUERIES, 5)[1] == codes.search(QUERIES, 5)[1]).all()
