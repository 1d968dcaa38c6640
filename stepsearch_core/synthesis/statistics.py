"""What the report of the stage says of questions, relations and trajectories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from stepsearch_core.base.types import Question
from stepsearch_core.synthesis.trajectories import WarmstartTrajectory


def by_reward(questions: Sequence[Question]) -> dict[str, int]:
    """How many questions are rewarded for what: search keys and gain want steps, gain alone supports."""
    in_steps = sum(question.has_decomposition for question in questions)
    supported = sum(bool(question.support_ids) for question in questions)
    return {
        "keys, gain and answer": in_steps,
        "gain and answer": supported - in_steps,
        "answer": len(questions) - supported,
    }


def reward_shares(questions: Sequence[Question], sees_step_rewards: bool) -> str:
    """`by_reward` in words, as shares; an algorithm that sees no step rewards rewards answers alone."""
    counts = by_reward(questions) if sees_step_rewards else {"answer": len(questions)}
    return ", ".join(f"{count / len(questions):.1%} by {what}" for what, count in counts.items() if count)


def by_dataset(questions: Sequence[Question], kept: Sequence[Question]) -> dict[str, dict[str, int]]:
    """How many questions of each file, and of linked passages, there are and are kept."""
    kept_by = Counter(question.dataset for question in kept)
    read_by = Counter(question.dataset for question in questions)
    return {name: {"read": read_by[name], "kept": kept_by[name]} for name in sorted(read_by)}


def describe_relations(mined: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """How many relations have mined words, and a few of them."""
    return {
        "with_mined_words": len(mined),
        "examples": {name: list(mined[name]) for name in islice(mined, 20)},
    }


def describe_trajectories(
    trajectories: Sequence[WarmstartTrajectory], questions: Sequence[Question]
) -> dict[str, Any]:
    """How many there are, how long they are and how many needed one attempt, altogether and by hops."""
    hops = {question.id: len(question.hops) for question in questions}
    by_hops: dict[int, list[WarmstartTrajectory]] = {}
    for trajectory in trajectories:
        by_hops.setdefault(hops[trajectory.question_id], []).append(trajectory)
    groups = {"all": trajectories} | {f"{count}_hops": by_hops[count] for count in sorted(by_hops)}
    return {
        name: {
            "count": len(group),
            "first_attempts": sum(trajectory.attempt == 1 for trajectory in group) / len(group),
            "searches": sum(len(trajectory.searches) for trajectory in group) / len(group),
        }
        for name, group in groups.items()
        if group
    }
