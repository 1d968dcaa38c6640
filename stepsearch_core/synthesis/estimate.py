"""What the language model would be asked in the stage `synthesize`, before it is asked anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Question
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.sources import fetched_examples, training_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.endpoint.endpoint import REPLIES, Endpoint
from stepsearch_core.endpoint.many import estimate_all
from stepsearch_core.endpoint.usage import Usage
from stepsearch_core.params import Params
from stepsearch_core.synthesis.decomposition import decomposition_requests
from stepsearch_core.synthesis.held_out import HeldOut
from stepsearch_core.synthesis.key_model import Model
from stepsearch_core.synthesis.linked import ROUNDS, Pair, answer_requests, chain_requests
from stepsearch_core.synthesis.steps import by_rule, those_to_decompose
from stepsearch_core.synthesis.sub_questions import parse_hops

TYPICAL_QUESTION = "Which of the two was the first to be awarded the prize that is named after its founder?"
"""In place of questions that are not written yet."""


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work in words, and what it takes."""

    what: str
    usage: Usage


def estimates(params: Params, data: Path) -> list[Work]:
    """What search keys, steps and questions would take: what `params` ask for, or else the keys.

    Args:
        params: of the run; nothing at `endpoint.url` is asked.
        data: the stages' outputs: of `fetch`, and of `corpus` where it is there, as questions of linked
            passages want it to be.

    Raises:
        DataError: there are no training questions, and none are to be made; or damage.
    """
    own, fetched = params.synthesize, data / "fetch"
    endpoint = Endpoint(params.endpoint, str(own.generator_model), REPLIES)
    questions = training_questions(fetched)
    if not questions and not own.linked_pairs:
        raise DataError("no training questions were fetched: run `dvc repro fetch`", fetched)
    stepped = _by_rule(questions, data)
    works = []
    if own.generator == "endpoint" or not own.asks:
        steps = [step for question in stepped if question.has_decomposition for step in parse_hops(question)]
        keys = estimate_all(endpoint, Model(own, endpoint).requests(steps))
        works.append(Work(f"search keys of {len(steps):,} steps of {len(questions):,} questions", keys))
    if own.decompose:
        bare = those_to_decompose(stepped, HeldOut(_tested(fetched)))
        usage = estimate_all(endpoint, decomposition_requests(bare, params))
        works.append(Work(f"steps of {len(bare):,} questions", usage))
    if own.linked_pairs:
        usage = _linked(endpoint, params, Corpus.open(data / "corpus"))
        what = f"questions across {own.linked_pairs:,} pairs of passages, at most, had none been answered"
        works.append(Work(what, usage))
    return works


def _by_rule(questions: Sequence[Question], data: Path) -> list[Question]:
    """With the corpus's passages, or where there is none yet with those of the questions' own rows."""
    if (data / "corpus" / "manifest.json").is_file():
        corpus = Corpus.open(data / "corpus")
        return by_rule(list(map(GoldMatches.open(data / "corpus"), questions)), corpus, corpus.get)
    passages = {
        passage.id: passage
        for _, example in fetched_examples(data / "fetch")
        if example.question.split == "train"
        for passage in (*example.context, *example.supports)
    }
    return by_rule(questions, passages, passages.__getitem__)


def _tested(fetched: Path) -> Iterator[Question]:
    """The questions of the test."""
    return (example.question for _, example in fetched_examples(fetched) if example.question.split == "test")


def _linked(endpoint: Endpoint, params: Params, corpus: Corpus) -> Usage:
    """Of pairs that stand in for the linked ones, all of which are kept to the end."""
    pairs = _neighbours(corpus, params.synthesize.linked_pairs)
    questions = [
        (f"{number} {TYPICAL_QUESTION}", passages(pair))
        for _, passages, _ in ROUNDS
        for number, pair in enumerate(pairs)
    ]
    chains = estimate_all(endpoint, chain_requests(pairs, params))
    return chains + estimate_all(endpoint, answer_requests(questions, params))


def _neighbours(corpus: Corpus, count: int) -> Sequence[Pair]:
    """Passages and those after them, evenly spaced."""
    last = len(corpus) - 1
    return [Pair(corpus[at], corpus[min(at + 1, last)]) for at in (n * last // count for n in range(count))]
