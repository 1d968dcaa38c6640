"""Question wording: each benchmark has its own patterns over the same relation names.

A pattern is a function of the start and the relations, first hop first. Two-hop questions exist in all four
styles, longer chains in MuSiQue's and 2WikiMultiHopQA's; branches are MuSiQue's alone. Training questions
use every pattern, so that test questions hold new entities and chains but no new words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stepsearch_core.worlds.facts import Entity
from stepsearch_core.worlds.relations import JOIN, Kind, Relation

Pattern = Callable[[Entity, Sequence[Relation]], str]
BranchPattern = Callable[[str, str], str]


def nested(start: str, relations: Sequence[Relation]) -> str:
    """`the spouse of the author of START` for the relations author, spouse."""
    return "".join(f"the {relation.name} of " for relation in reversed(relations)) + start


def _ask(relation: Relation) -> str:
    return "who is" if relation.object is Kind.PERSON else "what is"


def _possessive(entity: Entity) -> str:
    return "their" if entity.kind is Kind.PERSON else "its"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def musique_plain(start: Entity, relations: Sequence[Relation]) -> str:
    """`Who is the spouse of the author of START?`."""
    return _sentence(f"{_ask(relations[-1])} {nested(start.name, relations)}?")


def musique_topic(start: Entity, relations: Sequence[Relation]) -> str:
    """`Speaking of START, who is the spouse of its author?`."""
    chain = nested(f"{_possessive(start)} {relations[0].name}", relations[1:])
    return f"Speaking of {start.name}, {_ask(relations[-1])} {chain}?"


def hotpotqa_consider(start: Entity, relations: Sequence[Relation]) -> str:
    """`Consider the author of START. Who is the spouse of that person?`."""
    first, second = relations
    question = _sentence(f"{_ask(second)} the {second.name} of that {first.object}?")
    return f"Consider the {first.name} of {start.name}. {question}"


def hotpotqa_latter(start: Entity, relations: Sequence[Relation]) -> str:
    """`Think about START and its author: who is the spouse of the latter?`."""
    first, second = relations
    topic = f"{start.name} and {_possessive(start)} {first.name}"
    return f"Think about {topic}: {_ask(second)} the {second.name} of the latter?"


def wiki_kind(start: Entity, relations: Sequence[Relation]) -> str:
    """`Who is the spouse of the author of the work START?`."""
    return _sentence(f"{_ask(relations[-1])} {nested(f'the {start.kind} {start.name}', relations)}?")


def wiki_name(start: Entity, relations: Sequence[Relation]) -> str:
    """`What is the name of the spouse of the author of START?`."""
    return f"What is the name of {nested(start.name, relations)}?"


def bamboogle_that(start: Entity, relations: Sequence[Relation]) -> str:
    """`Who is the spouse of the person that is the author of START?`."""
    first, second = relations
    chain = f"the {second.name} of the {first.object} that is the {first.name} of {start.name}"
    return _sentence(f"{_ask(second)} {chain}?")


def bamboogle_tell(start: Entity, relations: Sequence[Relation]) -> str:
    """`Tell me the spouse of the person known as the author of START.`."""
    first, second = relations
    return f"Tell me the {second.name} of the {first.object} known as the {first.name} of {start.name}."


def branch_plain(left: str, right: str) -> str:
    """`What is the railway between LEFT and RIGHT?`."""
    return f"What is the {JOIN.name} between {left} and {right}?"


def branch_joins(left: str, right: str) -> str:
    """`Tell me which railway joins LEFT and RIGHT.`."""
    return f"Tell me which {JOIN.name} joins {left} and {right}."


CHAIN_PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "musique": (musique_plain, musique_topic),
    "hotpotqa": (hotpotqa_consider, hotpotqa_latter),
    "2wikimultihopqa": (wiki_kind, wiki_name),
    "bamboogle": (bamboogle_that, bamboogle_tell),
}
BRANCH_PATTERNS: tuple[BranchPattern, ...] = (branch_plain, branch_joins)
TWO_HOP_STYLES = ("musique", "hotpotqa", "2wikimultihopqa", "bamboogle")
LONG_STYLES = ("musique", "2wikimultihopqa")
