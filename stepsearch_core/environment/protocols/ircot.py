"""IRCoT: retrieval and chain of thought in turn. A turn is one sentence of thought, and the next query.

After Trivedi et al. 2023 (arXiv 2212.10509): the question is searched first; then each sentence that the
model thinks is, until one says what the answer is or `environment.max_searches` are made. Departures: there
are no demonstrations, so the prompt says what to do; documents stay where they were found, behind the
sentence that found them, instead of being collected before the question, as a context here only grows; and
where the original lets a reader answer from all that was collected, the last turn has to complete "So the
answer is:".

A sentence ends with its mark, or with its line. A full stop behind one or two letters ("J.", "Dr.") is taken
for an abbreviation's, one behind more ("Inc.") for a sentence's: then the query is a part of it. A decimal
("123.5") or an address ("www.example.com") is cut at its point, too, as what follows is not written yet when
the turn is looked at: that shortens the query.
"""

from __future__ import annotations

import re

from stepsearch_core.base.types import Action, ActionKind, InvalidReason
from stepsearch_core.environment.protocols.answers import SENTENCE, read_named, said
from stepsearch_core.environment.protocols.protocol import Protocol

_LINE = re.compile(r"\S[^\S\n]*\n")


def read_sentence(text: str) -> Action:
    """The answer that the sentence names, or the sentence as a query."""
    named = read_named(text)
    if named.kind is ActionKind.ANSWER:
        return named
    query = " ".join(said(text).split())
    if not re.search(r"\w", query):
        return Action.invalid(InvalidReason.NO_ACTION)
    return Action(ActionKind.SEARCH, query, has_think=True)


def ends_sentence(text: str) -> bool:
    """Whether a text that ends here ends with a sentence or, behind anything, a line."""
    return bool(_LINE.search(text)) or any(found.end() == len(text) for found in SENTENCE.finditer(text))


IRCOT = Protocol(
    texts={
        "prompt": (
            "Answer the question step by step. In every step write one sentence that says what you know now"
            " or what has to be found next, and stop: a search engine looks the sentence up, and shows"
            " documents that may help. As soon as you know the answer, write a sentence of the form"
            ' "So the answer is: Beijing.", with as few words for the answer as possible.\nQuestion:'
            " {question}\n"
        ),
        "invalid_notice": "\nWrite one sentence.\n",
        "last_turn_notice": "\nSo the answer is:",
    },
    read=read_sentence,
    ends=ends_sentence,
    asks_first=True,
    completes=True,
    must_think=False,
)
