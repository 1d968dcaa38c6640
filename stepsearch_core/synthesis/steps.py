"""Where training questions have their steps from: their files, a rule, or a language model.

Questions with sub-questions stay as they are. Two known supports become steps by rule (`facts`). What is
still without steps is taken apart by a model, if asked (`decomposition`), and more questions are made of
linked passages, if asked (`linked`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from typing import Any

from stepsearch_core.base.types import Passage, Question
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.endpoint.endpoint import Endpoint
from stepsearch_core.params import Params
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.decomposition import decompose
from stepsearch_core.synthesis.facts import steps_of_facts
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
) -> tuple[list[Question], dict[str, Any]]:
    """All questions, in their order, with steps where there are or can be some, then those that are made.

    Args:
        questions: of the training files.
        corpus: has their supports.
        params: section `synthesize`.
        retriever: finds supports, and what names title.
        show: says which results are shown.
        endpoint: writes and answers; None: nothing is asked.

    Returns:
        The questions, and how many were asked and kept in which way.

    Raises:
        ExplainedError: the service does not answer.
        RetrievalError: the retriever failed.
    """
    stepped = by_rule(questions, corpus, corpus.get)
    bare = [question for question in stepped if not question.has_decomposition]
    given = sum(question.has_decomposition for question in questions)
    counts: dict[str, Any] = {"given": given, "by rule": len(stepped) - len(bare) - given}
    if endpoint and params.synthesize.decompose:
        kept, counts["by the model"] = decompose(
            bare, endpoint, params, retriever=retriever, passage=corpus.get, show=show
        )
        whole = {question.id: question for question in kept}
        stepped = [whole.get(question.id, question) for question in stepped]
    if endpoint and params.synthesize.linked_pairs:
        made, counts["of linked passages"] = make_linked(corpus, retriever, endpoint, params)
        stepped += made
    return stepped, counts


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
