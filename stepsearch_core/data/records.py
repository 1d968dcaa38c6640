"""A benchmark's record, and what several formats share: references, contexts and supporting facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepsearch_core.data.rows import Row
from stepsearch_core.text import passage_id, resolve_references
from stepsearch_core.types import Passage, Question


@dataclass(frozen=True, slots=True)
class Record:
    """A question and its context: every paragraph of its row, supports and distractors, in the row's order."""

    question: Question
    context: tuple[Passage, ...]


def make_passage(title: str, text: str) -> Passage:
    """A passage under its content id."""
    return Passage(passage_id(title, text), title, text)


def read_sub_question(row: Row, field: str, answers: list[str]) -> str:
    """The sub-question in `field` with `#1`, `#2` replaced by the answers of earlier steps.

    Raises:
        DataError: a reference points at no earlier step.
    """
    try:
        return resolve_references(row.text(field), answers)
    except ValueError as error:
        raise row.error(field, str(error)) from None


def read_context(row: Row) -> tuple[Passage, ...]:
    """The `context` of HotpotQA and 2WikiMultiHopQA: pairs of a title and a list of sentences.

    Raises:
        DataError: another shape.
    """
    pairs = row.tuples("context", ("title", "sentences"))
    return tuple(make_passage(pair.text("title"), join_sentences(pair.strings("sentences"))) for pair in pairs)


def read_supports(row: Row, context: tuple[Passage, ...]) -> dict[str, Passage]:
    """The passages that `supporting_facts` names, by title, each once, in the order of the facts.

    Raises:
        DataError: another shape, no fact at all, or a title that is not in the context.
    """
    passages = {passage.title: passage for passage in reversed(context)}  # of equal titles the first one counts
    supports = {}
    for fact in row.tuples("supporting_facts", ("title", "sentence")):
        title = fact.text("title")
        if title not in passages:
            raise fact.error("title", f"no paragraph of the context is called {title!r}")
        supports[title] = passages[title]
    if not supports:
        raise row.error("supporting_facts", "empty")
    return supports


def join_sentences(sentences: Sequence[str]) -> str:
    """A paragraph's text from its sentences.

    HotpotQA's sentences carry their own leading blanks (993 of 994 published paragraphs so equal their Wikipedia
    introduction); 2WikiMultiHopQA's do not.
    """
    carry_blanks = any(sentence[:1].isspace() for sentence in sentences[1:])
    return ("" if carry_blanks else " ").join(sentences).strip()
