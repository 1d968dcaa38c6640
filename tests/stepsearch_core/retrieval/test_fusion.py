import pytest

from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.fusion import FusedRanker, reciprocal_rank_fusion


def test_fused_scores_worked_by_hand():
    first = [(7, 12.0), (3, 11.0), (5, 1.0)]
    second = [(3, 0.9), (9, 0.8)]
    # 3: 1/62 + 1/61, 7: 1/61, 9: 1/62, 5: 1/63
    fused = reciprocal_rank_fusion([first, second], 60)
    assert [position for position, _ in fused] == [3, 7, 9, 5]
    assert [score for _, score in fused] == pytest.approx(
        [0.0325225, 0.0163934, 0.0161290, 0.0158730], abs=1e-7
    )


def test_scores_themselves_do_not_count_and_ties_go_by_position():
    assert [position for position, _ in reciprocal_rank_fusion([[(8, 1e9)], [(2, 1e-9)]], 60)] == [2, 8]
    assert reciprocal_rank_fusion([[], []], 60) == []


def test_rankers_of_one_corpus_are_fused(make_corpus, tmp_path):
    corpus = make_corpus(["cat sat", "cat cat dog", "bird"])
    index = BM25Index.build(corpus, RetrievalParams(), tmp_path)
    cats, nothing = FusedRanker([index, index], 60).rank(["cat", "?"], 1)
    assert cats == [(1, pytest.approx(2 / 61))]
    assert nothing == []
