"""Trajectories for the warm start: real searches by an imperfect searcher.

The paper starts from instruct or base models that can already search; a small random model cannot, so
supervised training has to teach it the format and a first idea of how to ask. Only a first idea: queries are
mostly bare entities or entities with a drawn phrasing that need not be the passage's, hops are skipped,
searches repeated, failures retried only sometimes. All of these are shares in `SynthesizeParams`; what
remains is left to reinforcement learning.

Results are the retriever's own, and only attempts that were shown the support of every hop they searched for
are kept (a question is tried up to `ATTEMPTS` times, so that long chains are not thinned out): whatever such
a trajectory says next stands in its context, and copying from passages is what a small model has most
trouble learning. Measured on the tiny world with one attempt each (4,000 trajectories, three epochs, batches
of 32; mean greedy F1 of four test sets): failures kept, with a guess from the last results as their answer,
.027; successes only, .071.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepsearch_core.base.streams import Name, draws
from stepsearch_core.base.types import Question
from stepsearch_core.params import EnvironmentParams, SynthesizeParams
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.searches import Search, Show, search_all
from stepsearch_core.synthesis.sub_questions import SubQuestion, parse_hops
from stepsearch_core.synthesis.trajectories import (
    AnswerTurn,
    SearchTurn,
    WarmstartTrajectory,
    WarmstartTurn,
)

ATTEMPTS = 20

QUERY_WORDS = (1, 2, 3)
"""A query that is not bare holds this many mined words of its relation."""


@dataclass(frozen=True, slots=True)
class _HopPlan:
    """What the searcher means to do at a hop: a query, perhaps typed twice, and a retry if that fails."""

    sub_question: SubQuestion
    support_ids: frozenset[str]
    first: str
    repeated: bool
    retry: str | None


def make_trajectories(
    questions: Sequence[Question],
    mined: Mapping[str, Sequence[str]],
    params: SynthesizeParams,
    environment: EnvironmentParams,
    *,
    retriever: Retriever,
    show: Show,
    seed: int,
) -> list[WarmstartTrajectory]:
    """At most `params.trajectories` trajectories over `questions`, each once before any is used again.

    Args:
        questions: With decompositions; without any there are no trajectories.
        mined: Mined words by relation, from `PhrasingMiner`.
        params: How many, and how imperfect.
        environment: How many searches at most, and how many passages each; without searches trajectories
            are answers alone.
        retriever: Finds the passages.
        show: Says which of them are shown.
        seed: Fixes every draw.

    Raises:
        RetrievalError: the retriever failed.
    """
    assigned = _in_turn(questions, params.trajectories, draws(seed, Name.ORDER))
    if not environment.max_searches:
        answers = (AnswerTurn("", question.answers[0]) for question in assigned)
        return [
            WarmstartTrajectory(question.id, (answer,), 1)
            for question, answer in zip(assigned, answers, strict=True)
        ]
    found: dict[str, Search] = {}
    made: dict[int, WarmstartTrajectory] = {}
    for attempt in range(1, ATTEMPTS + 1):
        plans = {
            number: _plan(question, mined, params, draws(seed, Name.SEARCHER, number, attempt))
            for number, question in enumerate(assigned)
            if number not in made
        }
        queries = (
            query for hops in plans.values() for hop in hops for query in (hop.first, hop.retry) if query
        )
        new = [query for query in queries if query not in found]
        found |= search_all(
            retriever, new, environment.passages_per_search, f"warm start, attempt {attempt}", show
        )
        for number, hops in plans.items():
            searches = _play(hops, found, environment.max_searches)
            if searches:
                question = assigned[number]
                turns: list[WarmstartTurn] = [*searches, AnswerTurn("", question.answers[0])]
                made[number] = WarmstartTrajectory(question.id, tuple(turns), attempt)
    return [made[number] for number in sorted(made)]


def _in_turn(questions: Sequence[Question], count: int, draw: random.Random) -> list[Question]:
    """`count` questions, shuffled anew each time all have been used."""
    order: list[Question] = []
    while questions and len(order) < count:
        order += draw.sample(questions, len(questions))
    return order[:count]


def _plan(
    question: Question, mined: Mapping[str, Sequence[str]], params: SynthesizeParams, draw: random.Random
) -> list[_HopPlan]:
    """The hops to search for, in order. The last is never skipped: its answer could only be recalled."""
    hops = []
    for hop, sub_question in parse_hops(question):
        skipped = hop is not question.hops[-1] and draw.random() < params.skipped_hop_share
        if not skipped:
            words = mined.get(sub_question.relation, ())
            hops.append(_plan_hop(sub_question, frozenset(hop.support_ids), words, params, draw))
    return hops


def _plan_hop(
    sub_question: SubQuestion,
    support_ids: frozenset[str],
    mined: Sequence[str],
    params: SynthesizeParams,
    draw: random.Random,
) -> _HopPlan:
    bare = bool(sub_question.entity) and draw.random() < params.bare_query_share
    first = sub_question.entity if bare else _worded_query(sub_question, mined, draw)
    repeated = draw.random() < params.repeated_search_share
    retry = _worded_query(sub_question, mined, draw) if draw.random() < params.retry_share else None
    return _HopPlan(sub_question, support_ids, first, repeated, retry if retry != first else None)


def _worded_query(sub_question: SubQuestion, mined: Sequence[str], draw: random.Random) -> str:
    """The entity with a few mined words, or the keywords where either is missing."""
    if not sub_question.entity or not mined:
        return sub_question.keywords or sub_question.text
    count = min(draw.choice(QUERY_WORDS), len(mined))
    chosen = sorted(draw.sample(range(len(mined)), count))
    return " ".join([sub_question.entity, *(mined[index] for index in chosen)])


def _play(
    hops: Sequence[_HopPlan], found: Mapping[str, Search], max_searches: int
) -> list[SearchTurn] | None:
    """The searches, or None where a hop's support is not shown, a sub-question is blank, or too many."""
    if not all(hop.first for hop in hops):
        return None
    searches: list[SearchTurn] = []
    for hop in hops:
        searches += _search_hop(hop, found)
        if not hop.support_ids.intersection(found[searches[-1].query].shown):
            return None
    return searches if len(searches) <= max_searches else None


def _search_hop(hop: _HopPlan, found: Mapping[str, Search]) -> list[SearchTurn]:
    queries = [hop.first, hop.first] if hop.repeated else [hop.first]
    if hop.retry and not hop.support_ids.intersection(found[hop.first].shown):
        queries.append(hop.retry)
    return [SearchTurn(hop.sub_question.thought, query, found[query].passage_ids) for query in queries]
