"""Scores a trajectory: every term of its reward, unweighted, from the fields of trajectory and question.

Similarity is taken between the passages' texts without their titles, as the released code does: with titles,
which often repeat the subject, any passage about the right entity comes close to a gold one (in the default
world a cosine of .64 instead of .33), and information gain would hardly tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from stepsearch_core.base.types import ActionKind, Question, RewardBreakdown, StepReward, Trajectory
from stepsearch_core.metrics.search import format_valid
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.answer import answer_reward
from stepsearch_core.rewards.gain_above_floor import above_floor
from stepsearch_core.rewards.gain_of_supports import support_gains
from stepsearch_core.rewards.information_gain import information_gains
from stepsearch_core.rewards.redundancy import redundancies
from stepsearch_core.rewards.search_key import search_key_reward
from stepsearch_core.rewards.terms import Term, TermError, Terms


def score(
    trajectory: Trajectory,
    question: Question,
    similarity: TfidfSimilarity,
    gain: str = "similarity",
    floors: Mapping[str, float] | None = None,
    answer: str = "f1",
) -> RewardBreakdown:
    """All terms of the trajectory's reward; every search has a `StepReward`, one without a hit included.

    Args:
        trajectory: a finished episode on `question`.
        question: gold passages and search keys come from its hops. Gold passages outside of the corpus
            cannot be retrieved and are left out of n in eq. 10. Without any gold passage gains are 0, while
            redundancy stays.
        similarity: TF-IDF over the corpus; answers and queries are compared by its words.
        gain: what a search earns for what it found: the paper's `similarity`, `above_floor` or `supports`;
            `likelihood`, which needs the policy, is the paper's here, and training replaces it.
        floors: of gold passages, for `above_floor`; without one it is 0.
        answer: by what the final answer is measured, `f1` or `em`.

    Raises:
        KeyError: a retrieved passage is unknown.
    """
    turns = [index for index, turn in enumerate(trajectory.turns) if turn.action.kind is ActionKind.SEARCH]
    rounds = [trajectory.turns[index].passage_ids for index in turns]
    gold = similarity.known(question.support_ids)
    if gain == "supports":
        gains = support_gains(gold, rounds)
    else:
        cosines = similarity.cosine(gold, [pid for ids in rounds for pid in ids])
        if gain == "above_floor":
            cosines = above_floor(cosines, np.array([(floors or {}).get(pid, 0.0) for pid in gold]))
        gains = information_gains(_by_round(cosines, rounds))
    queries = [turn.action.text for turn in trajectory.searches]
    return RewardBreakdown(
        answer=answer_reward(trajectory, question, similarity.segment, answer),
        search_key=search_key_reward(
            queries, [hop.search_keys for hop in question.hops], similarity.segment
        ),
        step_rewards=tuple(map(StepReward, turns, gains, redundancies(rounds))),
        format_ok=format_valid(trajectory),
    )


def _by_round(cosines: np.ndarray, rounds: Sequence[Sequence[str]]) -> list[np.ndarray]:
    ends = accumulate(map(len, rounds))
    return [cosines[:, end - len(ids) : end] for ids, end in zip(rounds, ends, strict=True)]


class Scorer:
    """Scores trajectories with everything a reward needs to know of the corpus."""

    def __init__(
        self,
        similarity: TfidfSimilarity,
        questions: Mapping[str, Question],
        gain: str = "similarity",
        floors: Mapping[str, float] | None = None,
        terms: Mapping[str, Term] | None = None,
        *,
        answer: str = "f1",
    ) -> None:
        """Score with these: see `score`; `terms` are rewards of one's own."""
        self.similarity = similarity
        self.questions = questions
        self._gain, self._floors, self._answer, self._terms = gain, floors, answer, Terms(terms or {})
        self.segment = similarity.segment

    def __call__(self, trajectory: Trajectory) -> RewardBreakdown:
        """The reward of one trajectory but for terms of one's own."""
        question = self.questions[trajectory.question_id]
        return score(trajectory, question, self.similarity, self._gain, self._floors, self._answer)

    def with_terms(self, trajectories: Sequence[Trajectory]) -> list[RewardBreakdown | TermError]:
        """The whole rewards of trajectories, or why a term of one's own cannot say.

        Raises:
            DataError: a term of one's own has a bug.
        """
        pairs = [(trajectory, self.questions[trajectory.question_id]) for trajectory in trajectories]
        return [
            values if isinstance(values, TermError) else replace(self(trajectory), terms=values)
            for values, trajectory in zip(self._terms(pairs), trajectories, strict=True)
        ]
