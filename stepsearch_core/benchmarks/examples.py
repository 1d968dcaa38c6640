"""A benchmark's example, and what several formats share: hops, contexts and supporting facts.

A question whose supports its row does not hold is kept without supports: it is answered and scored, but its
recall is not measured. The corpus may have a passage of the supporting title; whether that is the paragraph
meant, and in the wording of a dump of another year, no title can tell, so no recall is made of titles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepsearch_core.base.text import count_references, passage_id, resolve_references
from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row

UNRESOLVED = "#N without an earlier hop N, kept as text"
DOUBTFUL = "#N replaced by an earlier answer, though it may be text"
UNKNOWN_SUPPORTS = "supporting fact not in the context, supports unknown"
"""What an account calls the oddities of a benchmark's rows."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question and its context: every paragraph of its row, supports and distractors, in order.

    `supports` are passages that a decompositions file gives besides.
    """

    question: Question
    context: tuple[Passage, ...]
    supports: tuple[Passage, ...] = ()

    @property
    def gold(self) -> tuple[Passage, ...]:
        """The question's gold passages as the benchmark words them, in the order of `support_ids`."""
        texts = {passage.id: passage for passage in (*self.context, *self.supports)}
        return tuple(texts[identifier] for identifier in self.question.support_ids)


@dataclass(frozen=True, slots=True)
class Decomposition:
    """What a decompositions file gives for a question: its hops, and the passages that support them."""

    hops: tuple[Hop, ...]
    supports: tuple[Passage, ...]


def make_passage(title: str, text: str) -> Passage:
    """A passage under its content id."""
    return Passage(passage_id(title, text), title, text)


def read_hops(row: Row, field: str, support_id: Callable[[Row], str], account: Account) -> tuple[Hop, ...]:
    """A decomposition: sub-questions, `#1` and `#2` in them replaced by the answers of earlier hops, with
    one support.

    Args:
        row: Has the list of hops.
        field: What the list is called; a hop has `question` and `answer`.
        support_id: Gives the id of a hop's support.
        account: Counts references that are, or may be, text.

    Raises:
        DataError: another shape, or no hop at all.
    """
    hops: list[Hop] = []
    for hop in row.objects(field):
        text = hop.text("question")
        answers = [earlier.sub_answer for earlier in hops]
        kept, doubtful = count_references(text, answers)
        account.oddities[UNRESOLVED] += kept
        account.oddities[DOUBTFUL] += doubtful
        hops.append(Hop(resolve_references(text, answers), hop.text("answer"), (support_id(hop),)))
    if not hops:
        raise row.error(field, "empty")
    return tuple(hops)


def read_context(row: Row) -> tuple[Passage, ...]:
    """The `context` of HotpotQA and 2WikiMultiHopQA: pairs of a title and a list of sentences.

    Raises:
        DataError: another shape.
    """
    pairs = row.tuples("context", ("title", "sentences"))
    return tuple(
        make_passage(pair.text("title"), join_sentences(pair.strings("sentences"))) for pair in pairs
    )


def read_supports(row: Row, context: tuple[Passage, ...], account: Account) -> dict[str, Passage]:
    """The passages that `supporting_facts` names, by title, each once, in the order of the facts.

    None at all where the context lacks one of them, as in HotpotQA's fullwiki setting, whose contexts are
    what a retriever found: a part would make recall look better than it is.

    Raises:
        DataError: another shape, or no fact at all.
    """
    passages = {
        passage.title: passage for passage in reversed(context)
    }  # of equal titles the first one counts
    titles = dict.fromkeys(
        fact.text("title") for fact in row.tuples("supporting_facts", ("title", "sentence"))
    )
    if not titles:
        raise row.error("supporting_facts", "empty")
    if not titles.keys() <= passages.keys():
        account.oddities[UNKNOWN_SUPPORTS] += 1
        return {}
    return {title: passages[title] for title in titles}


def join_sentences(sentences: Sequence[str]) -> str:
    """A paragraph's text from its sentences.

    HotpotQA's sentences carry their own leading blanks (993 of 994 published paragraphs so equal their
    Wikipedia introduction); 2WikiMultiHopQA's do not.
    """
    carry_blanks = any(sentence[:1].isspace() for sentence in sentences[1:])
    return ("" if carry_blanks else " ").join(sentences).strip()
