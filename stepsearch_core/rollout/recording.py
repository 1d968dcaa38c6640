"""From a trajectory to the record of its question, and from those of several samples to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

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
from stepsearch_core.rollout.records import HopRecord, QuestionRecord, ShownPassage, TurnRecord


def record(
    trajectory: Trajectory,
    question: Question,
    breakdown: RewardBreakdown,
    passage: Callable[[str], Passage],
    rules: Rules,
) -> QuestionRecord:
    """What there is to say of a trajectory on `question`; answers are measured by `rules`."""
    rewards = {reward.turn: reward for reward in breakdown.step_rewards}
    seen: set[str] = set()
    turns = []
    for number, turn in enumerate(trajectory.turns):
        turns.append(turn_record(turn, rewards.get(number), question, seen, passage))
        seen.update(turn.passage_ids)
    return QuestionRecord(
        id=question.id,
        dataset=question.dataset,
        question=question.question,
        answers=question.answers,
        prediction=trajectory.answer,
        measures=measure_all(trajectory, question, EVALUATED, rules),
        stop_reason=trajectory.stop_reason,
        response_length=trajectory.response_length,
        support_ids=question.support_ids,
        hops=tuple(HopRecord(hop.sub_question, hop.sub_answer, hop.support_ids) for hop in question.hops),
        turns=tuple(turns),
        answer_reward=breakdown.answer,
        search_key_reward=breakdown.search_key,
    )


def turn_record(
    turn: Turn,
    reward: StepReward | None,
    question: Question,
    seen: set[str],
    passage: Callable[[str], Passage],
) -> TurnRecord:
    """What there is to say of a turn.

    Args:
        turn: of a trajectory on `question`.
        reward: the step reward, of a search that has one.
        question: says which passages are gold.
        seen: ids of the passages that earlier turns showed.
        passage: gives the passage of an id.
    """
    return TurnRecord(
        text=turn.text,
        action=turn.action.kind,
        reason=turn.action.reason,
        query=turn.action.text if turn.action.kind is ActionKind.SEARCH else None,
        passages=tuple(
            ShownPassage(
                id=shown.id,
                title=shown.title,
                text=shown.text,
                gold=shown.id in question.support_ids,
                repeated=shown.id in seen,
                cut=shown.id in turn.cut_ids,
            )
            for shown in map(passage, turn.passage_ids)
        ),
        hidden_ids=turn.hidden_ids,
        information_gain=reward.information_gain if reward else None,
        redundancy=reward.redundancy if reward else None,
    )


def mean_record(samples: Sequence[QuestionRecord]) -> QuestionRecord:
    """One record for all samples of a question, so that what compares policies goes on to count questions.

    It is that of the first sample with the means of the measures (of the values defined); a single one
    stays as it is.
    """
    if len(samples) == 1:
        return samples[0]
    means = {key: mean(sample.measures[key] for sample in samples) for key in EVALUATED}
    return replace(samples[0], measures=means, samples=len(samples))
