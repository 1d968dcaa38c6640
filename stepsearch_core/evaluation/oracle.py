"""The oracle: asks the gold sub-questions in order, word for word, and reads without error.

It answers right exactly if every support passage was shown to it, so its score is the ceiling of *these queries* with
this retriever, not of searching: a policy that words its queries better can pass it.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.metrics.search import support_recall
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.types import ActionKind, Question, Trajectory

UNKNOWN = "unknown"


def ask_gold_sub_questions(questions: Sequence[Question], retriever: Retriever, renderer: Renderer) -> list[Trajectory]:
    """One trajectory for each question; each must have a decomposition."""
    episodes = [Episode(question, 0, renderer) for question in questions]
    k, grammar = renderer.params.passages_per_search, renderer.style.grammar
    for hop in range(max((len(question.steps) for question in questions), default=0)):
        asking = [e for e in episodes if not e.done and hop < len(e.question.steps)]
        queries = [episode.question.steps[hop].sub_question.replace(">>", " ") for episode in asking]
        for episode, query, hits in zip(asking, queries, retriever.search(queries, k), strict=True):
            action = episode.write(grammar.search_turn("", query, episode.shown))
            if not episode.done:
                episode.observe([hit.passage for hit in hits] if action.kind is ActionKind.SEARCH else None)
    for episode in episodes:
        if not episode.done:
            found = support_recall(episode.trajectory, episode.question) == 1
            answer = episode.question.answers[0] if found else UNKNOWN
            episode.write(grammar.answer_turn("", answer, episode.shown))
    return [episode.trajectory for episode in episodes]
