"""Steps of questions that have none, by a language model, and kept only where they hold together.

The model sees the question and its answer and writes sub-questions with their answers. A chain is kept if
its last answer is an accepted one, no step gives its own answer away, and each step's answer stands in a
passage that the resolved sub-question finds and the environment shows: this passage becomes the step's
support. The answers of steps are the model's claims; that a passage holds one does not prove it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from stepsearch_core.base.text import count_references, holds, normalize_answer, resolve_references
from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.endpoint.endpoint import Endpoint, EndpointError
from stepsearch_core.endpoint.forms import line, not_blank
from stepsearch_core.endpoint.many import Request, ask_all
from stepsearch_core.params import Params
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.searches import Search, Show, search_all
from stepsearch_core.synthesis.told import told

_TOKENS_A_STEP = 80


class Part(BaseModel):
    """A sub-question, `#1` in it for the answer of the first, and its answer."""

    model_config = ConfigDict(extra="forbid")
    question: Annotated[str, not_blank, line(120)]
    answer: Annotated[str, not_blank, line(60)]


class Steps(BaseModel):
    """A model's reply."""

    model_config = ConfigDict(extra="forbid")
    steps: list[Part] = Field(min_length=1)


def steps_form(most: int) -> type[Steps]:
    """`Steps` with a schema that asks for at most so many, though more are read, too."""
    some = Field(min_length=1, json_schema_extra={"maxItems": most})
    return create_model("Steps", __base__=Steps, steps=(list[Part], some))


def decomposition_requests(questions: Sequence[Question], params: Params) -> list[Request[Steps]]:
    """What is asked for each question."""
    prompt = told("steps", params.synthesize.prompts)
    most = params.environment.max_searches
    form, tokens = steps_form(most), most * _TOKENS_A_STEP
    pairs = ({"question": asked.question, "answer": asked.answers[0]} for asked in questions)
    return [Request(prompt, json.dumps(pair, ensure_ascii=False), form, tokens) for pair in pairs]


def decompose(
    questions: Sequence[Question],
    endpoint: Endpoint,
    params: Params,
    *,
    retriever: Retriever,
    passage: Callable[[str], Passage],
    show: Show,
) -> tuple[list[Question], dict[str, Any]]:
    """The questions whose chains hold together, with their steps, and how many were left out for what.

    Args:
        questions: Any; hops that they have are replaced.
        endpoint: Writes the steps.
        params: `synthesize.key_depth` first results count; at most `environment.max_searches` steps.
        retriever: Finds the passages.
        passage: Gives a passage by its id.
        show: Says which results are shown.

    Raises:
        ExplainedError: the service does not answer.
        RetrievalError: the retriever failed.
    """
    replies = ask_all(endpoint, decomposition_requests(questions, params), "steps")
    dropped = Counter[str]()
    chains: dict[str, list[Hop]] = {}
    for question, reply in zip(questions, replies, strict=True):
        if isinstance(reply, EndpointError):
            dropped[reply.counted_as] += 1
        elif problem := flaw(reply.steps, question.answers, params.environment.max_searches):
            dropped[problem] += 1
        else:
            chains[question.id] = resolved(reply.steps)
    asked = (hop.sub_question for chain in chains.values() for hop in chain)
    found = search_all(retriever, asked, params.synthesize.key_depth, "supports of steps", show)
    kept = []
    for question in questions:
        if question.id in chains:
            hops = tuple(_with_support(hop, found[hop.sub_question], passage) for hop in chains[question.id])
            if all(hop.support_ids for hop in hops):
                kept.append(replace(question, hops=hops))
            else:
                dropped["the answer of a step stands in no passage found"] += 1
    counts = {"asked": len(questions), "kept": len(kept), "of one step": sum(len(q.hops) == 1 for q in kept)}
    return kept, {**counts, "dropped": dict(sorted(dropped.items()))}


def flaw(steps: Sequence[Part], answers: Sequence[str], most: int) -> str | None:
    """What shows in a chain itself that it does not hold together; None: nothing.

    Args:
        steps: The chain.
        answers: Accepted ones of the whole question.
        most: Steps that there may be.
    """
    before = [[step.answer for step in steps[:number]] for number in range(len(steps))]
    if len(steps) > most:
        return "more steps than searches are allowed"
    if not any(normalize_answer(steps[-1].answer) == normalize_answer(answer) for answer in answers):
        return "the last answer is another"
    if any(count_references(step.question, known)[0] for step, known in zip(steps, before, strict=True)):
        return "a step refers to none before it"
    if any(holds(hop.sub_question, hop.sub_answer) for hop in resolved(steps)):
        return "a step gives its answer away"
    return None


def resolved(steps: Sequence[Part]) -> list[Hop]:
    """The steps without references and, so far, without supports."""
    answers = [step.answer.strip() for step in steps]
    return [
        Hop(resolve_references(step.question, answers[:number]).strip(), answers[number])
        for number, step in enumerate(steps)
    ]


def _with_support(hop: Hop, found: Search, passage: Callable[[str], Passage]) -> Hop:
    """With the first passage shown that has its answer, if one has."""
    shown = (passage_id for passage_id in found.passage_ids if passage_id in found.shown)
    having = (identifier for identifier in shown if holds(passage(identifier).contents, hop.sub_answer))
    return replace(hop, support_ids=tuple(filter(None, [next(having, None)])))
