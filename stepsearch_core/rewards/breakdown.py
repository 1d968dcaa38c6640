"""Scores a trajectory: every term of its reward, unweighted, from the fields of trajectory and question.

Similarity is taken between the passages' texts without their titles, as the released code does: with titles, which
often repeat the subject, any passage about the right entity comes close to a gold one (in the default world a cosine of
.64 instead of .33), and information gain would hardly tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from stepsearch_core.metrics.search import format_valid
from stepsearch_core.rewards.answer import answer_reward
from stepsearch_core.rewards.information_gain import information_gains
from stepsearch_core.rewards.redundancy import redundancies
from stepsearch_core.rewards.search_key import search_key_reward
from stepsearch_core.rewards.similarity import TfidfSimilarity
from stepsearch_core.types import ActionKind, Passage, Question, RewardBreakdown, StepReward, Trajectory


def score(
    trajectory: Trajectory, question: Question, similarity: TfidfSimilarity, passages: Callable[[str], Passage]
) -> RewardBreakdown:
    """All terms of the trajectory's reward; every search has a `StepReward`, one without a hit included.

    Args:
        trajectory: a finished episode on `question`.
        question: gold passages and search keys come from its steps.
        similarity: TF-IDF over the corpus.
        passages: the passage of an id. It raises KeyError for an id that it does not know; gold passages that it does
            not know cannot be retrieved and are left out of n in eq. 10. Without any gold passage gains are 0, while
            redundancy stays.

    Raises:
        KeyError: a retrieved passage is unknown.
    """
    turns = [index for index, turn in enumerate(trajectory.turns) if turn.action.kind is ActionKind.SEARCH]
    rounds = [trajectory.turns[index].passage_ids for index in turns]
    golds = [passage.text for passage in known_golds(question, passages)]
    gains = information_gains([similarity.cosine(golds, [passages(pid).text for pid in ids]) for ids in rounds])
    queries = [turn.action.text for turn in trajectory.searches]
    return RewardBreakdown(
        answer=answer_reward(trajectory, question),
        search_key=search_key_reward(queries, [step.search_keys for step in question.steps]),
        steps=tuple(map(StepReward, turns, gains, redundancies(rounds))),
        format_ok=format_valid(trajectory),
    )


class Scorer:
    """Scores trajectories with everything a reward needs to know of the corpus."""

    def __init__(
        self, similarity: TfidfSimilarity, passages: Callable[[str], Passage], questions: Mapping[str, Question]
    ) -> None:
        self.similarity, self.passages, self.questions = similarity, passages, questions

    def __call__(self, trajectory: Trajectory) -> RewardBreakdown:
        """The reward terms of one trajectory."""
        return score(trajectory, self.questions[trajectory.question_id], self.similarity, self.passages)


def known_golds(question: Question, passages: Callable[[str], Passage]) -> Iterator[Passage]:
    """The question's gold passages, those that `passages` does not know left out."""
    for passage_id in question.support_ids:
        try:
            yield passages(passage_id)
        except KeyError:
            continue
