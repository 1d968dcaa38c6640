"""The redundancy penalty of each search (paper, eqs. 12-13): the share of passages had before.

Identity is the passage id and only *earlier* rounds count. The released code compares decoded text, which
carries the rank of the passage, so that it misses a passage that comes back at another rank. k is the number
of passages the search returned, which may be less than was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepsearch_core.metrics.search import repeated_shares


def redundancies(rounds: Sequence[Sequence[str]]) -> list[float]:
    """P^t of each round, in [0, 1], from its passage ids; 0 for a round without passages.

    It is the same quantity that evaluation averages, so the formula stands once, in `metrics.search`.
    """
    return repeated_shares(rounds)
