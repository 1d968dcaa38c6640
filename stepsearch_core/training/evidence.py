"""Which turn each policy token stands in, and what had been found before it."""

from __future__ import annotations

import numpy as np

from stepsearch_core.base.types import Author, Question, Trajectory


def token_turns(trajectory: Trajectory) -> np.ndarray:
    """The turn of each policy token [policy tokens]."""
    return np.array(
        [
            segment.turn
            for segment in trajectory.segments
            if segment.author is Author.POLICY
            for _ in segment.token_ids
        ],
        dtype=np.int64,
    )


def gold_shown_before(trajectory: Trajectory, question: Question) -> np.ndarray:
    """How many gold passages had been shown before each turn [turns]."""
    gold, shown, counts = set(question.support_ids), set[str](), []
    for turn in trajectory.turns:
        counts.append(len(gold & shown))
        shown.update(turn.passage_ids)
    return np.array(counts, dtype=np.int64)
