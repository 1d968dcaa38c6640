"""The oracle: asks the gold sub-questions in order, word for word, and reads without error.

It answers right if every support passage was shown to it and a turn is left, so its score is the ceiling of
*these queries* with this retriever, not of searching: a policy that words its queries better can pass it.
The limits of the environment are its own, too: a sub-question that does not fit into a turn is cut, which is
an invalid action and finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stepsearch_core.base.types import Question, Trajectory
from stepsearch_core.environment.actions import Grammar
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.metrics.search import support_recall
from stepsearch_core.params import RolloutParams
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.rollout.loop import Ended, Rollout
from stepsearch_core.sampling.scripted_engine import ScriptedEngine

UNKNOWN = "unknown"


def ask_gold_sub_questions(
    questions: Sequence[Question],
    retriever: Retriever,
    renderer: Renderer,
    params: RolloutParams,
    *,
    ended: Ended = lambda: None,
) -> list[Trajectory]:
    """One trajectory for each question; each must have a decomposition. `ended` is called at its end."""
    episodes = [Episode(question, 0, renderer) for question in questions]
    engine = ScriptedEngine(
        renderer, (_turns(episode, renderer.style.grammar) for episode in episodes if not episode.done)
    )
    return Rollout(engine, retriever, renderer, params).play(episodes, ended=ended)


def _turns(episode: Episode, grammar: Grammar) -> Iterator[str]:
    """A search for each hop; then the answer, repeated if it was cut and so not taken for one."""
    for hop in episode.question.hops:
        yield grammar.search_turn("", hop.sub_question.replace(">>", " "), episode.shown, episode.opened)
    found = support_recall(episode.trajectory, episode.question) == 1
    answer = episode.question.answers[0] if found else UNKNOWN
    while True:
        yield grammar.answer_turn("", answer, episode.shown, episode.opened)
