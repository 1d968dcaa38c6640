"""One question's record: what the policy did turn by turn, and how it is measured. The report reads these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from stepsearch_core.metrics.answers import exact_match, word_f1
from stepsearch_core.metrics.search import format_valid, redundancy, search_count, support_recall
from stepsearch_core.types import ActionKind, Passage, Question, RewardBreakdown, StepReward, Trajectory, Turn

METRICS = ("em", "f1", "searches", "redundancy", "support_recall", "format_valid")


def record(
    trajectory: Trajectory, question: Question, breakdown: RewardBreakdown, passage: Callable[[str], Passage]
) -> dict[str, Any]:
    """A JSON object with question, prediction, every metric of `METRICS`, rewards and turns."""
    rewards = {step.turn: step for step in breakdown.steps}
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
        "em": exact_match(trajectory.answer, question.answers),
        "f1": word_f1(trajectory.answer, question.answers),
        "searches": search_count(trajectory),
        "redundancy": redundancy(trajectory),
        "support_recall": support_recall(trajectory, question),
        "format_valid": float(format_valid(trajectory)),
        "stop_reason": trajectory.stop_reason.value,
        "response_length": trajectory.response_length,
        "hops": len(question.steps),
        "support_ids": list(question.support_ids),
        "steps": [{"sub_question": step.sub_question, "sub_answer": step.sub_answer} for step in question.steps],
        "turns": turns,
        "rewards": {"answer": breakdown.answer, "search_key": breakdown.search_key},
    }


def one_a_question(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records of samples, those of a question side by side, as one for each question.

    It is that of the first sample with the means of the metrics (of the values defined), so what compares policies goes
    on to count questions; a question that was answered once keeps its record.
    """
    return [_mean_record(list(samples)) for _, samples in groupby(rows, key=itemgetter("id"))]


def _mean_record(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if len(samples) == 1:
        return samples[0]
    defined = {name: [row[name] for row in samples if row[name] is not None] for name in METRICS}
    means = {name: sum(values) / len(values) if values else None for name, values in defined.items()}
    return {**samples[0], **means, "samples": len(samples)}


def _turn(
    turn: Turn, reward: StepReward | None, question: Question, seen: set[str], passage: Callable[[str], Passage]
) -> dict[str, Any]:
    shown = [passage(passage_id) for passage_id in turn.passage_ids]
    return {
        "text": turn.text,
        "action": turn.action.kind.value,
        "query": turn.action.text if turn.action.kind is ActionKind.SEARCH else None,
        "passages": [
            {
                "id": p.id,
                "title": p.title,
                "text": p.text,
                "gold": p.id in question.support_ids,
                "repeated": p.id in seen,
            }
            for p in shown
        ],
        "information_gain": reward.information_gain if reward else None,
        "redundancy": reward.redundancy if reward else None,
    }
