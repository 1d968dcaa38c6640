"""The information gain of each search (paper, eqs. 8-11): how much closer it came to the gold ones.

Eqs. 9 and 10 print m_i^t; this is m_i^{t-1}, "of the previous round", as the text says: with m_i^t every
gain would be 0. Gains telescope: over a trajectory they sum to the final coverage, the mean over gold
passages of the best cosine reached, and so never exceed 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def information_gains(similarities: Sequence[np.ndarray]) -> list[float]:
    """G^t of each round, in [0, 1].

    Args:
        similarities: one [n_gold, k_t] matrix a round, the cosine of each gold passage with each retrieved
            one. A round without passages (k_t = 0) gains 0, and so does everything without gold passages
            (n_gold = 0).
    """
    gains = []
    best = np.zeros(len(similarities[0]) if len(similarities) else 0)  # m^0, [n_gold]
    for cosines in similarities:
        coverage = cosines.max(axis=1, initial=0.0)  # c^t, eq. 8
        gain = np.maximum(coverage - best, 0.0)  # Delta^t, eq. 9
        gains.append(float(gain.sum()) / max(len(gain), 1))  # G^t, eq. 10
        best = np.maximum(best, coverage)  # m^t, eq. 11
    return gains
