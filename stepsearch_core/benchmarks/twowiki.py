"""2WikiMultiHopQA: as HotpotQA, with `evidences`, triples that make hops (`SUBJECT >> relation`, object).

A triple's support is the supporting paragraph about its subject. Published titles differ from subjects in
case, punctuation and additions ("Palo Alto" is told in "Palo Alto (2013 film)"), so the closest title is
taken.
"""

from __future__ import annotations

from stepsearch_core.base.text import normalize_answer
from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.benchmarks.examples import Example, read_context, read_supports
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row


def read_example(row: Row, number: int, split: str, account: Account) -> Example:
    """One row; a triple whose subject shares no word with any supporting title is a hop without support.

    Raises:
        DataError: a missing field or a wrong type.
    """
    context = read_context(row)
    supports = read_supports(row, context, account)
    hops = tuple(
        _read_hop(triple, supports) for triple in row.tuples("evidences", ("subject", "relation", "object"))
    )
    question = Question(
        row.text("_id"), "2wikimultihopqa", split, row.text("question"), (row.text("answer"),), hops
    )
    return Example(question, context)


def _read_hop(triple: Row, supports: dict[str, Passage]) -> Hop:
    subject, relation = triple.text("subject"), triple.text("relation")
    title = max(supports, key=lambda title: _closeness(subject, title), default="")
    support_ids = (supports[title].id,) if title and any(_closeness(subject, title)) else ()
    return Hop(f"{subject} >> {relation}", triple.text("object"), support_ids)


def _closeness(subject: str, title: str) -> tuple[bool, bool, bool, int]:
    """How well a title names the subject: literally, but for case and punctuation, at the start, in part."""
    plain_subject, plain_title = normalize_answer(subject), normalize_answer(title)
    shared_words = set(plain_subject.split()) & set(plain_title.split())
    starts = bool(plain_subject) and plain_title.startswith(plain_subject)
    return subject == title, plain_subject == plain_title, starts, len(shared_words)
