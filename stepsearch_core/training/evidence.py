"""Which turn each policy token stands in, and what had been found before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stepsearch_core.base.types import Author, Question, Trajectory


def turns_and_evidence(
    trajectories: Sequence[Trajectory], questions: Mapping[str, Question]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of each policy token of each trajectory: its turn, and how many gold passages were shown before it."""
    turns = [token_turns(trajectory) for trajectory in trajectories]
    evidence = [
        gold_shown_before(trajectory, questions[trajectory.question_id])[own]
        for trajectory, own in zip(trajectories, turns, strict=True)
    ]
    return turns, evidence


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
