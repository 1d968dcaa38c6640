"""Scores a trajectory: every term of its reward, unweighted, from the fields of trajectory and question.

Similarity is taken between the passages' texts without their titles, as the released code does: with titles,
which often repeat the subject, any passage about the right entity comes close to a gold one (in the default
world a cosine of .64 instead of .33), and information gain would hardly tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from stepsearch_core.base.types import ActionKind, Question, RewardBreakdown, StepReward, Trajectory
from stepsearch_core.metrics.search import format_valid
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.answer import answer_reward
from stepsearch_core.rewards.information_gain import information_gains
from stepsearch_core.rewards.redundancy import redundancies
from stepsearch_core.rewards.search_key import search_key_reward


def score(trajectory: Trajectory, question: Question, similarity: TfidfSimilarity) -> RewardBreakdown:
    """All terms of the trajectory's reward; every search has a `StepReward`, one without a hit included.

    Args:
        trajectory: a finished episode on `question`.
        question: gold passages and search keys come from its hops. Gold passages outside of the corpus
            cannot be retrieved and are left out of n in eq. 10. Without any gold passage gains are 0, while
            redundancy stays.
        similarity: TF-IDF over the corpus; answers and queries are compared by its words.

    Raises:
        KeyError: a retrieved passage is unknown.
    """
    turns = [index for index, turn in enumerate(trajectory.turns) if turn.action.kind is ActionKind.SEARCH]
    rounds = [trajectory.turns[index].passage_ids for index in turns]
    cosines = similarity.cosine(
        similarity.known(question.support_ids), [pid for ids in rounds for pid in ids]
    )
    ends = accumulate(map(len, rounds))
    gains = information_gains(
        [cosines[:, end - len(ids) : end] for ids, end in zip(rounds, ends, strict=True)]
    )
    queries = [turn.action.text for turn in trajectory.searches]
    return RewardBreakdown(
        answer=answer_reward(trajectory, question, similarity.segment),
        search_key=search_key_reward(
            queries, [hop.search_keys for hop in question.hops], similarity.segment
        ),
        step_rewards=tuple(map(StepReward, turns, gains, redundancies(rounds))),
        format_ok=format_valid(trajectory),
    )


class Scorer:
    """Scores trajectories with everything a reward needs to know of the corpus."""

    def __init__(self, similarity: TfidfSimilarity, questions: Mapping[str, Question]) -> None:
        self.similarity = similarity
        self.questions = questions
        self.segment = similarity.segment

    def __call__(self, trajectory: Trajectory) -> RewardBreakdown:
        """The reward terms of one trajectory."""
        return score(trajectory, self.questions[trajectory.question_id], self.similarity)
