"""What bm25s alone does; `test_bm25_engines.py` has what holds for every engine."""

import pytest

from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from tests.oracles.bm25 import scores as oracle_scores


@pytest.mark.parametrize(("k1", "b"), [(1.5, 0.75), (0.9, 0.4), (2.0, 0.0)])
def test_k1_and_b_are_those_of_the_parameters(make_corpus, tmp_path, k1, b):
    texts = ["cat sat", "cat cat dog", "bird", "the cat saw the bird and the dog"]
    index = BM25Index.build(make_corpus(texts), RetrievalParams(bm25_k1=k1, bm25_b=b), tmp_path)
    (ranking,) = index.rank(["the cat"], 10)
    wanted = oracle_scores("the cat", texts, k1, b)
    assert dict(ranking) == pytest.approx(
        {p: score for p, score in enumerate(wanted) if score > 0}, abs=1e-5
    )
