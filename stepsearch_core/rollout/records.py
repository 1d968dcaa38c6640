"""One question's record: what the policy did turn by turn, and how it is measured. The report reads
these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from stepsearch_core.base.means import mean
from stepsearch_core.base.types import (
    ActionKind,
    Passage,
    Question,
    RewardBreakdown,
    StepReward,
    Trajectory,
    Turn,
)
from stepsearch_core.metrics.measures import EVALUATED, Rules, measure_all


def record(
    trajectory: Trajectory,
    question: Question,
    breakdown: RewardBreakdown,
    passage: Callable[[str], Passage],
    rules: Rules,
) -> dict[str, Any]:
    """A JSON object with question, prediction, every measure of `EVALUATED`, rewards and turns."""
    rewards = {reward.turn: reward for reward in breakdown.step_rewards}
    seen: set[str] = set()
    turns = []
    for number, turn in enumerate(trajectory.turns):
        turns.append(_turn(turn, rewards.get(number), question, seen, passage))
        seen.update(turn.passage_ids)
    return {
        "id": question.id,
        "dataset": question.dataset,
        "question": question.question,
        "answers": list(question.answers),
        "prediction": trajectory.answer,
        **measure_all(trajectory, question, EVALUATED, rules),
        "stop_reason": trajectory.stop_reason.value,
        "response_length": trajectory.response_length,
        "support_ids": list(question.support_ids),
        "hops": [{"sub_question": hop.sub_question, "sub_answer": hop.sub_answer} for hop in question.hops],
        "turns": turns,
        "rewards": {"answer": breakdown.answer, "search_key": breakdown.search_key},
    }


def one_a_question(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records of samples, those of a question side by side, as one for each question.

    It is that of the first sample with the means of the metrics (of the values defined), so what compares
    policies goes on to count questions; a question that was answered once keeps its record.
    """
    return [_mean_record(list(samples)) for _, samples in groupby(rows, key=itemgetter("id"))]


def _mean_record(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if len(samples) == 1:
        return samples[0]
    means = {name: mean(row[name] for row in samples) for name in EVALUATED}
    return {**samples[0], **means, "samples": len(samples)}


def _turn(
    turn: Turn,
    reward: StepReward | None,
    question: Question,
    seen: set[str],
    passage: Callable[[str], Passage],
) -> dict[str, Any]:
    shown = [passage(passage_id) for passage_id in turn.passage_ids]
    return {
        "text": turn.text,
        "action": turn.action.kind.value,
        "reason": turn.action.reason,
        "query": turn.action.text if turn.action.kind is ActionKind.SEARCH else None,
        "passages": [
            {
                "id": p.id,
                "title": p.title,
                "text": p.text,
                "gold": p.id in question.support_ids,
                "repeated": p.id in seen,
                "cut": p.id in turn.cut_ids,
            }
            for p in shown
        ],
        "hidden_ids": list(turn.hidden_ids),
        "information_gain": reward.information_gain if reward else None,
        "redundancy": reward.redundancy if reward else None,
    }
