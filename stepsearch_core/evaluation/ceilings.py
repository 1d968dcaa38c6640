"""Ceilings: what gold queries would find, asked in order and read without error.

`gold_questions` asks the gold sub-questions word for word. `gold_keys` asks for each hop the first of the
search keys that rules write (`synthesis.search_keys`, with words mined from training questions) whose
results show the hop's support; the first of all where none does. Both answer right if every support passage
was shown and a turn is left. The first is the ceiling of *these words*: a policy that words its queries
better can pass it, as in the default world, whose passages never use the questions' words. The second is
that of searching with this retriever, as far as rules know how to ask.

The limits of the environment are theirs, too: a query that does not fit into a turn is cut, which is an
invalid action and finds nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from stepsearch_core.base.types import Question, Trajectory
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.actions import Grammar
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.metrics.search import support_recall
from stepsearch_core.params import RolloutParams
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.rollout.sources import Ended, nothing
from stepsearch_core.sampling.scripted_engine import ScriptedEngine
from stepsearch_core.synthesis.filtering import clean_keys
from stepsearch_core.synthesis.key_writers import Rules
from stepsearch_core.synthesis.searches import search_all
from stepsearch_core.synthesis.sub_questions import parse_hops

UNKNOWN = "unknown"
Queries = Mapping[str, Sequence[str]]
"""By a question's id what is asked for each of its hops."""


def gold_questions(questions: Sequence[Question]) -> Queries:
    """The sub-questions, relations in plain words."""
    return {
        question.id: [hop.sub_question.replace(">>", " ") for hop in question.hops] for question in questions
    }


def gold_keys(
    questions: Sequence[Question],
    mined: Mapping[str, Sequence[str]],
    corpus: Corpus,
    retriever: Retriever,
    renderer: Renderer,
) -> Queries:
    """For each hop the first key that shows its support.

    Args:
        questions: each with a decomposition.
        mined: words by relation.
        corpus: has the supports, as far as it has them.
        retriever: is asked with every candidate.
        renderer: says how many passages a search has and which are shown.

    Raises:
        RetrievalError: the retriever failed.
    """
    hops = [
        (replace(hop, support_ids=tuple(one for one in hop.support_ids if one in corpus)), asked)
        for question in questions
        for hop, asked in parse_hops(question)
    ]
    candidates = Rules(mined, corpus.get)(hops, Counter())
    written = [
        [key.text for key in clean_keys(hop, keys, corpus.get)] or [asked.text]
        for (hop, asked), keys in zip(hops, candidates, strict=True)
    ]
    found = search_all(
        retriever,
        (text for texts in written for text in texts),
        renderer.params.passages_per_search,
        "gold search keys",
        renderer.shown,
    )
    best = iter(
        next((text for text in texts if not found[text].shown.isdisjoint(hop.support_ids)), texts[0])
        for (hop, _), texts in zip(hops, written, strict=True)
    )
    return {question.id: [next(best) for _ in question.hops] for question in questions}


def ask_in_order(
    questions: Sequence[Question],
    queries: Queries,
    retriever: Retriever,
    renderer: Renderer,
    params: RolloutParams,
    *,
    ended: Ended = nothing,
) -> list[Trajectory]:
    """One trajectory for each question, with its queries. `ended` is called with its episode."""
    episodes = [Episode(question, 0, renderer) for question in questions]
    grammar = renderer.style.grammar
    turns = (
        _turns(episode, queries[episode.question.id], grammar) for episode in episodes if not episode.done
    )
    engine = ScriptedEngine(renderer, turns)
    return Rollout(engine, retriever, renderer, params).play(episodes, ended=ended)


def _turns(episode: Episode, queries: Sequence[str], grammar: Grammar) -> Iterator[str]:
    """A search with each query; then the answer, repeated if it was cut and so not taken for one."""
    for query in queries:
        yield grammar.search_turn("", query, episode.shown, episode.opened)
    found = support_recall(episode.trajectory, episode.question) == 1
    answer = episode.question.answers[0] if found else UNKNOWN
    while True:
        yield grammar.answer_turn("", answer, episode.shown, episode.opened)
