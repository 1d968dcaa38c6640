"""Trajectories for the warm start: real searches by an imperfect searcher.

The paper starts from instruct or base models that can already search; a small random model cannot, so supervised
training has to teach it the format and a first idea of how to ask. Only a first idea: queries are mostly bare entities
or entities with a drawn phrasing that need not be the passage's, hops are skipped, searches repeated, failures
retried only sometimes. All of these are shares in `SynthesizeParams`; what remains is left to reinforcement learning.

Results are the retriever's own. After a hop whose support was not shown the searcher goes on all the same, with the
sub-answer it should have found, as it does after a skipped hop: the plan of a question (which relation of what comes
next) is taught from all trajectories, at the price of some recall that the passages do not bear out. Where the *last*
hop fails, the answer is a name from its results, so that a wrong answer is at least one that was read. (Ending at the
first failed hop instead taught to stop early: greedy F1 .04 where going on gives more.)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stepsearch_core.params import EnvironmentParams, SynthesizeParams
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.filtering import search_all
from stepsearch_core.synthesis.sub_questions import SubQuestion, names, parse_steps
from stepsearch_core.types import Passage, Question

QUERY_WORDS = (1, 2)
"""A query that is not bare holds this many mined words of its relation."""


@dataclass(frozen=True, slots=True)
class SearchTurn:
    """One search: the thought before it, the query, and the passages that came back, best first."""

    think: str
    query: str
    passage_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WarmstartTrajectory:
    """Searches and an answer; `solved` says that the answer was read and not guessed."""

    question_id: str
    searches: tuple[SearchTurn, ...]
    answer: str
    solved: bool

    def to_json(self) -> dict[str, Any]:
        """`{"question_id", "turns": [{"think", "query", "passage_ids"}, ..., {"think", "answer"}], "solved"}`."""
        turns = [*map(asdict, self.searches), {"think": "", "answer": self.answer}]
        return {"question_id": self.question_id, "turns": turns, "solved": self.solved}


@dataclass(frozen=True, slots=True)
class _Hop:
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
    retriever: Retriever,
    passage: Callable[[str], Passage],
    seed: int,
) -> list[WarmstartTrajectory]:
    """`params.trajectories` trajectories over `questions`, every question once before any is used again.

    Args:
        questions: With decompositions.
        mined: Mined words by relation, from `PhrasingMiner`.
        params: How many, and how imperfect.
        environment: How many searches at most, and how many passages each.
        retriever: Finds the passages.
        passage: Gives a passage by its id.
        seed: Fixes every draw.

    Raises:
        RetrievalError: the retriever failed.
    """
    shuffle = random.Random(f"{seed}:order")
    order: list[Question] = []
    plans: list[tuple[Question, list[_Hop]]] = []
    for number in range(params.trajectories):
        order = order or shuffle.sample(questions, len(questions))
        question = order.pop()
        plans.append((question, _plan(question, mined, params, random.Random(f"{seed}:{number}"))))
    queries = (query for _, hops in plans for hop in hops for query in (hop.first, hop.retry) if query)
    found = search_all(retriever, queries, environment.passages_per_search, "warm start")
    return [_play(question, hops, found, environment.max_searches, passage) for question, hops in plans]


def _plan(
    question: Question, mined: Mapping[str, Sequence[str]], params: SynthesizeParams, draw: random.Random
) -> list[_Hop]:
    """The hops to search for, in order. The last is never skipped: its answer could only be recalled."""
    hops = []
    for step, sub_question in zip(question.steps, parse_steps(question), strict=True):
        skipped = step is not question.steps[-1] and draw.random() < params.skipped_hop_share
        if not skipped:
            words = mined.get(sub_question.relation, ())
            hops.append(_plan_hop(sub_question, frozenset(step.support_ids), words, params, draw))
    return hops


def _plan_hop(
    sub_question: SubQuestion,
    support_ids: frozenset[str],
    mined: Sequence[str],
    params: SynthesizeParams,
    draw: random.Random,
) -> _Hop:
    bare = bool(sub_question.entity) and draw.random() < params.bare_query_share
    first = sub_question.entity if bare else _worded_query(sub_question, mined, draw)
    repeated = draw.random() < params.repeated_search_share
    retry = _worded_query(sub_question, mined, draw) if draw.random() < params.retry_share else None
    return _Hop(sub_question, support_ids, first, repeated, retry if retry != first else None)


def _worded_query(sub_question: SubQuestion, mined: Sequence[str], draw: random.Random) -> str:
    """The entity with one or two mined words, or the keywords where either is missing."""
    if not sub_question.entity or not mined:
        return sub_question.keywords or sub_question.text
    count = min(draw.choice(QUERY_WORDS), len(mined))
    return " ".join([sub_question.entity, *draw.sample(mined, count)])


def _play(
    question: Question,
    hops: Sequence[_Hop],
    found: Mapping[str, tuple[str, ...]],
    max_searches: int,
    passage: Callable[[str], Passage],
) -> WarmstartTrajectory:
    searches: list[SearchTurn] = []
    solved = True
    for hop in hops:
        attempts = _search_hop(hop, found)[: max_searches - len(searches)]
        searches += attempts
        solved = any(hop.support_ids.intersection(search.passage_ids) for search in attempts)
    if solved:
        return WarmstartTrajectory(question.id, tuple(searches), question.answers[0], solved)
    seen = [passage(identifier) for identifier in searches[-1].passage_ids]
    return WarmstartTrajectory(question.id, tuple(searches), _guess(hops[-1].sub_question, seen), solved)


def _search_hop(hop: _Hop, found: Mapping[str, tuple[str, ...]]) -> list[SearchTurn]:
    queries = [hop.first, hop.first] if hop.repeated else [hop.first]
    if hop.retry and not hop.support_ids.intersection(found[hop.first]):
        queries.append(hop.retry)
    return [SearchTurn(hop.sub_question.thought, query, found[query]) for query in queries]


def _guess(sub_question: SubQuestion, seen: Sequence[Passage]) -> str:
    """A name that the passages mention beside the entity; without one, a title or the entity itself.

    Names within a sentence come first: at its start any word is capitalised.
    """
    mentioned = [(name, passage.text) for passage in seen for name in names(passage.text)]
    others = [(name, text) for name, text in mentioned if name not in sub_question.text]
    within = [name for name, text in others if not text.startswith(name) and f". {name}" not in text]
    titles = [passage.title for passage in seen if passage.title]
    return next(iter([*within, *(name for name, _ in others), *titles, sub_question.entity or sub_question.text]))
