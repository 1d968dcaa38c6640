"""Where training questions have their steps from: their files, a rule, or a language model.

Questions with sub-questions stay as they are. Two known supports become steps by rule (`facts`). What is
still without steps is taken apart by a model, if asked (`decomposition`), and more questions are made of
linked passages, if asked (`linked`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from typing import Any

from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.endpoint.endpoint import Endpoint
from stepsearch_core.params import Params
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.decomposition import decompose
from stepsearch_core.synthesis.facts import steps_of_facts
from stepsearch_core.synthesis.held_out import HeldOut
from stepsearch_core.synthesis.linked import make_linked
from stepsearch_core.synthesis.searches import Show


def give_steps(
    questions: Sequence[Question],
    corpus: Corpus,
    params: Params,
    *,
    retriever: Retriever,
    show: Show,
    endpoint: Endpoint | None,
    held_out: HeldOut,
) -> tuple[list[Question], dict[str, Any]]:
    """All questions, in their order, with steps where there are or can be some, then those that are made.

    Args:
        questions: of the training files.
        corpus: has their supports.
        params: section `synthesize`.
        retriever: finds supports, and what names title.
        show: says which results are shown.
        endpoint: writes and answers; None: nothing is asked.
        held_out: the test, of which nothing is asked.

    Returns:
        The questions, and how many were asked and kept in which way.

    Raises:
        ExplainedError: the service does not answer.
        RetrievalError: the retriever failed.
    """
    stepped = by_rule(questions, corpus, corpus.get)
    given = sum(question.has_decomposition for question in questions)
    whole = sum(question.has_decomposition for question in stepped)
    counts: dict[str, Any] = {"given": given, "by rule": whole - given}
    if endpoint and params.synthesize.decompose:
        asked = those_to_decompose(stepped, held_out)
        kept, counts["by the model"] = decompose(
            asked, endpoint, params, retriever=retriever, passage=corpus.get, show=show
        )
        by_id = {question.id: question for question in kept}
        stepped = [by_id.get(question.id, question) for question in stepped]
    if endpoint and params.synthesize.linked_pairs:
        made, counts["of linked passages"] = make_linked(corpus, retriever, endpoint, params, held_out.joins)
        stepped += made
    return stepped, counts


def rewarded(question: Question, known: Container[str]) -> Question:
    """The question with hops as far as steps can be rewarded: all of them, their supports alone, or none.

    Args:
        question: as its file, a rule or a model has it.
        known: ids of passages that there are.
    """
    supports = question.support_ids
    if not all(hop.support_ids for hop in question.hops) or not all(one in known for one in supports):
        return replace(question, hops=())
    if question.has_decomposition:
        return question
    return replace(question, hops=tuple(Hop("", "", (support,)) for support in supports))


def those_to_decompose(questions: Sequence[Question], held_out: HeldOut) -> list[Question]:
    """The questions that a model is asked about: without steps, and none of the test."""
    return [q for q in questions if not q.has_decomposition and held_out.shares(q) is None]


def by_rule(
    questions: Sequence[Question], known: Container[str], passage: Callable[[str], Passage]
) -> list[Question]:
    """The questions, with steps where they have none and the rule of `facts` sees some.

    Args:
        questions: any.
        known: ids of passages that there are.
        passage: gives one by its id.
    """

    def stepped(question: Question) -> Question:
        if question.has_decomposition or not all(support in known for support in question.support_ids):
            return question
        steps = steps_of_facts(question, passage)
        return replace(question, hops=steps) if steps else question

    return list(map(stepped, questions))
