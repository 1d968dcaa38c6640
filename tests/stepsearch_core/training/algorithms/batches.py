"""Batches to assign credit in: lists as `ScoredBatch`."""

import numpy as np

from stepsearch_core.training.algorithms.algorithm import ScoredBatch


def batch(rewards, question_ids=None, values=None):
    """Rows of rewards, of different questions and without a critic unless said otherwise."""
    return ScoredBatch(
        question_ids or [f"q{number}" for number in range(len(rewards))],
        [np.array(row, dtype=float) for row in rewards],
        [np.array(row, dtype=float) for row in values or [[0.0] * len(row) for row in rewards]],
    )


def plain(rows):
    """Arrays as lists."""
    return [row.tolist() for row in rows]
