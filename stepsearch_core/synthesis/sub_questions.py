"""What a resolved sub-question asks: of which entity, which relation.

MuSiQue writes sub-questions as `ENTITY >> relation` or in plain English. Of the latter, the names
(capitalised spans and answers of earlier hops) are the entity and the remaining keywords are the relation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import regex
from bm25s.stopwords import STOPWORDS_EN_PLUS

from stepsearch_core.base.types import Hop, Question
from stepsearch_core.synthesis.relations import relation as relation_named

STOP_WORDS = frozenset(STOPWORDS_EN_PLUS)

_WORD = regex.compile(r"\w+(?:['’.&-]\w+)*")
_CONNECTORS = frozenset(("of", "the", "and", "de", "la", "von", "van", "in", "for", "on"))


@dataclass(frozen=True, slots=True)
class SubQuestion:
    """`text` is the whole in plain words, `thought` how the warm start says it; `entity` may be empty.

    `question` is a natural question; `words` are those by which passages tell of the relation, maybe none.
    """

    text: str
    entity: str
    relation: str
    thought: str
    question: str
    words: str = ""

    @property
    def keywords(self) -> str:
        """The words of `text` that are not stop words."""
        return keywords(self.text)


Step = tuple[Hop, SubQuestion]
"""A hop and what it asks."""


def parse_hops(question: Question) -> list[Step]:
    """Every hop with its sub-question, read in the light of the answers before it."""
    answers = [hop.sub_answer for hop in question.hops]
    return [(hop, parse_sub_question(hop.sub_question, answers[:i])) for i, hop in enumerate(question.hops)]


def parse_sub_question(sub_question: str, known: Sequence[str] = ()) -> SubQuestion:
    """Read a resolved sub-question; `known` are the answers of earlier hops."""
    if ">>" in sub_question:
        entity, relation = (part.strip() for part in sub_question.rsplit(">>", 1))
        entity = " ".join(entity.replace(">>", " ").split())
        told = relation_named(relation)
        return SubQuestion(
            text=f"{entity} {relation}",
            entity=entity,
            relation=relation.lower(),
            thought=f"{relation} of {entity}",
            question=told.ask(entity),
            words=told.words,
        )
    text = " ".join(sub_question.split()).rstrip(" ?.")
    references = [answer for answer in known if answer and answer in text]
    spans = [
        span for span in names(text) if not any(span in answer or answer in span for answer in references)
    ]
    entity = " ".join(dict.fromkeys(references + spans))
    relation = keywords(text, without=lower_words(entity)).lower()
    return SubQuestion(text, entity, relation, thought=text, question=text)


def lower_words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [match.group().lower() for match in _WORD.finditer(text)]


def keywords(text: str, without: Iterable[str] = ()) -> str:
    """The text's words, in order and as written, that are no stop words, nor in `without` (lower case)."""
    dropped = STOP_WORDS.union(without)
    return " ".join(match.group() for match in _WORD.finditer(text) if match.group().lower() not in dropped)


def names(text: str) -> list[str]:
    """Capitalised spans: runs of capitalised words, joined by "of" say, without leading stop words."""
    spans: list[str] = []
    current: list[str] = []
    pending: list[str] = []
    end = 0
    for match in _WORD.finditer(text):
        word = match.group()
        adjacent = text[end : match.start()].isspace()
        end = match.end()
        capital = word[0].isupper() or (bool(current) and word[0].isdigit())
        if current and not (adjacent and (capital or word in _CONNECTORS)):
            spans.append(" ".join(current))
            current, pending = [], []
        if capital and (current or word.lower() not in STOP_WORDS):
            current += [*pending, word]
            pending = []
        elif current:
            pending.append(word)
    if current:
        spans.append(" ".join(current))
    return list(dict.fromkeys(spans))
