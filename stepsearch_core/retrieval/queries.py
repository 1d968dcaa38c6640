"""The queries by which an index is measured, and which of them find what they should."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stepsearch_core.base.types import Question
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.retrieval.retriever import Ranker, Ranking


@dataclass(frozen=True, slots=True)
class Query:
    """A query and the positions of the passages that it should find; -1 stands for one that is missing.

    `hop` is the number of the hop that a sub-question asks for, from 1; 0 for a whole question.
    """

    text: str
    wanted: frozenset[int]
    hop: int = 0


def sub_question_queries(corpus: Corpus, questions: Iterable[Question]) -> list[Query]:
    """Every sub-question with its references resolved, and the positions of its supports."""
    return [
        Query(hop.sub_question, _positions(corpus, hop.support_ids), number)
        for question in questions
        for number, hop in enumerate(question.hops, start=1)
        if hop.sub_question and hop.support_ids
    ]


def question_queries(corpus: Corpus, questions: Iterable[Question]) -> list[Query]:
    """Every whole question that has supports, and the positions of them all."""
    return [
        Query(question.question, _positions(corpus, question.support_ids))
        for question in questions
        if question.support_ids
    ]


def rank(ranker: Ranker, queries: Sequence[Query], depth: int) -> list[Ranking]:
    """What a ranker finds for each query."""
    return ranker.rank([query.text for query in queries], depth) if queries else []


def found(query: Query, ranking: Ranking, depth: int) -> bool:
    """Whether all that a query should find is among the first `depth`."""
    return query.wanted <= {position for position, _ in ranking[:depth]}


def _positions(corpus: Corpus, identifiers: Iterable[str]) -> frozenset[int]:
    return frozenset(corpus.position(pid) if pid in corpus else -1 for pid in identifiers)
