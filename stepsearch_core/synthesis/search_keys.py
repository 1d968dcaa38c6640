"""Candidate search keys of a hop: several phrasings of what to type to find its support.

Departure from the paper (2.1), which has GPT-4o rewrite sub-questions and invent queries and releases
neither prompts nor code: no language model is used. The candidates are the sub-question itself, as a natural
question too where it is relational, its keywords, the bare entity, and the entity with words by which
passages tell of the relation: those known of it (`relations`) and those mined (`phrasings`), the relation's
best and those of this hop's own support. `filtering` then keeps those that work.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stepsearch_core.synthesis.sub_questions import SubQuestion, lower_words

OWN_WORDS = 4
TOP_WORDS = 3


class KeyKind(StrEnum):
    """How a key was made; the report counts by it."""

    OWN_PHRASING = "own_phrasing"
    """Entity and the mined words that the hop's support holds."""
    TOP_PHRASING = "top_phrasing"
    """Entity and the relation's best mined words, whatever the support's phrasing."""
    SUB_QUESTION = "sub_question"
    QUESTION = "question"
    """A relational sub-question as a natural one."""
    RELATION = "relation"
    """Entity and the words known of the relation."""
    MODEL = "model"
    """Written by a language model."""
    KEYWORDS = "keywords"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class SearchKey:
    """A query and how it was made."""

    text: str
    kind: KeyKind


def candidate_keys(
    sub_question: SubQuestion, mined: Sequence[str], support_words: Collection[str]
) -> list[SearchKey]:
    """The distinct candidates of a hop, those made for its own support first.

    Args:
        sub_question: What the hop asks.
        mined: The relation's mined words, best first; may be empty.
        support_words: The words of the hop's support.
    """
    entity = sub_question.entity
    own = [word for word in mined if word in support_words][:OWN_WORDS]
    texts = {
        KeyKind.OWN_PHRASING: " ".join([entity, *own]) if entity and own else "",
        KeyKind.SUB_QUESTION: sub_question.text,
        KeyKind.TOP_PHRASING: " ".join([entity, *mined[:TOP_WORDS]]) if entity and mined else "",
        KeyKind.RELATION: f"{entity} {sub_question.words}" if entity and sub_question.words else "",
        KeyKind.QUESTION: sub_question.question,
        KeyKind.KEYWORDS: sub_question.keywords,
        KeyKind.ENTITY: entity,
    }
    distinct: dict[tuple[str, ...], SearchKey] = {}
    for kind, text in texts.items():
        if text:
            distinct.setdefault(tuple(sorted(lower_words(text))), SearchKey(text, kind))
    return list(distinct.values())
