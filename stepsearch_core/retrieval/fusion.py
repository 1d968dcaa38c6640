"""Reciprocal rank fusion: several rankings of one corpus into one, by ranks alone.

score(p) = sum over rankings of 1 / (c + rank of p), rank from 1, c = 60 by default; a ranking that lacks p
adds nothing (Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
learning methods", SIGIR 2009).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from stepsearch_core.retrieval.retriever import Ranker, Ranking

FUSED_DEPTH = 100
"""How deep each ranking is read: a passage that only one method finds late cannot reach the first places."""


class FusedRanker:
    """Ranks by reciprocal rank fusion of other rankers."""

    def __init__(self, rankers: Sequence[Ranker], constant: int) -> None:
        self.rankers = rankers
        self.constant = constant

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`."""
        rankings = [ranker.rank(queries, max(k, FUSED_DEPTH)) for ranker in self.rankers]
        return [
            reciprocal_rank_fusion(of_query, self.constant)[:k] for of_query in zip(*rankings, strict=True)
        ]


def reciprocal_rank_fusion(rankings: Sequence[Ranking], constant: int) -> Ranking:
    """Every position of `rankings` with its fused score, best first, ties in the order of positions."""
    scores: dict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, (position, _) in enumerate(ranking, start=1):
            scores[position] += 1 / (constant + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
