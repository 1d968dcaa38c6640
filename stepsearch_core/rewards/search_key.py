"""The search-key reward (paper, eqs. 4-5): how close the queries came to the golden search keys.

Each sub-question keeps the best F1 that any query reached on any of its keys, and one query may serve
several sub-questions. (The released code credits a query to one sub-question and lets the last query
overwrite a better one.) Sub-questions without keys cannot be reached and are left out of M.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepsearch_core.base.text import Segmenter, words
from stepsearch_core.metrics.answers import overlap_f1


def search_key_reward(
    queries: Sequence[str], groups: Sequence[Sequence[str]], segment: Segmenter = words
) -> float:
    """r_key in [0, 1]: mean over sub-questions of max over their keys and the queries of F1; 0 without keys.

    Args:
        queries: the texts of the well-formed searches. "Granted only if the emission is well formed" is read
            per search: a malformed one is no search and brings nothing, and takes nothing from the others.
        groups: the golden keys of each sub-question.
        segment: finds the words of both.
    """
    best = [
        max((overlap_f1(query, key, segment) for query in queries for key in keys), default=0.0)
        for keys in groups
        if keys
    ]
    return sum(best) / len(best) if best else 0.0
