"""What the language model would be asked in the stage `synthesize`, before it is asked anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.sources import fetched_examples, training_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.endpoint.endpoint import REPLIES, Endpoint
from stepsearch_core.endpoint.many import estimate_all
from stepsearch_core.endpoint.usage import Usage
from stepsearch_core.params import Params
from stepsearch_core.synthesis.decomposition import decomposition_requests
from stepsearch_core.synthesis.key_writers import Model
from stepsearch_core.synthesis.linked import ROUNDS, Pair, answer_request, chain_requests
from stepsearch_core.synthesis.steps import by_rule
from stepsearch_core.synthesis.sub_questions import parse_hops

TYPICAL_QUESTION = "Which of the two was the first to be awarded the prize that is named after its founder?"
"""In place of questions that are not written yet."""


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work in words, and what it takes."""

    what: str
    usage: Usage


def estimates(params: Params, data: Path) -> list[Work]:
    """What search keys, and where they are asked for steps and questions, would take.

    Args:
        params: of the run; nothing at `endpoint.url` is asked.
        data: the stages' outputs: of `fetch`, and for questions of linked passages of `corpus`.

    Raises:
        DataError: there are no training questions, and none are to be made; or damage.
    """
    own = params.synthesize
    endpoint = Endpoint(params.endpoint, str(own.generator_model), REPLIES)
    questions = training_questions(data / "fetch")
    if not questions and not own.linked_pairs:
        raise DataError("no training questions were fetched: run `dvc repro fetch`", data / "fetch")
    passages = {
        passage.id: passage
        for key, example in fetched_examples(data / "fetch")
        if example.question.split == "train"
        for passage in (*example.context, *example.supports)
    }
    stepped = by_rule(questions, passages, passages.__getitem__)
    steps = [step for question in stepped if question.has_decomposition for step in parse_hops(question)]
    keys = estimate_all(endpoint, Model(own, endpoint).requests(steps))
    works = [Work(f"search keys of {len(steps):,} steps of {len(questions):,} questions", keys)]
    if own.decompose:
        bare = [question for question in stepped if not question.has_decomposition]
        usage = estimate_all(endpoint, decomposition_requests(bare, params))
        works.append(Work(f"steps of {len(bare):,} questions", usage))
    if own.linked_pairs:
        usage = _linked(endpoint, params, Corpus.open(data / "corpus"))
        works.append(Work(f"questions across {own.linked_pairs:,} pairs of passages", usage))
    return works


def _linked(endpoint: Endpoint, params: Params, corpus: Corpus) -> Usage:
    """Of pairs that stand in for the linked ones, all of which are kept to the end."""
    pairs = _neighbours(corpus, params.synthesize.linked_pairs)
    asked = [
        answer_request(f"{number} {TYPICAL_QUESTION}", passages(pair), params)
        for _, passages, _ in ROUNDS
        for number, pair in enumerate(pairs)
    ]
    return estimate_all(endpoint, chain_requests(pairs, params)) + estimate_all(endpoint, asked)


def _neighbours(corpus: Corpus, count: int) -> Sequence[Pair]:
    """Passages and those after them, evenly spaced."""
    last = len(corpus) - 1
    return [Pair(corpus[at], corpus[min(at + 1, last)]) for at in (n * last // count for n in range(count))]
