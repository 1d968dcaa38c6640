"""Relations of the generated world, and how passages speak of them.

Each relation has a name, used by questions and sub-questions only, and three phrasings, used by passages only; a fact
is told in one of the three, at random. No content word of a phrasing occurs in another phrasing or elsewhere in a
passage: a searcher that knows the three phrasings finds the fact, one that repeats the question's word does not.

Slots: `{s}` is the subject (for the join relation two cities, "A and B"), `{o}` the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an entity is; the value is the word for it in questions."""

    PERSON = "person"
    WORK = "work"
    ORGANISATION = "organisation"
    CITY = "city"
    COUNTRY = "country"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Relation:
    """A functional relation: each subject of one of its kinds has exactly one object."""

    name: str
    subjects: tuple[Kind, ...]
    object: Kind
    phrasings: tuple[str, str, str]


RELATIONS = (
    Relation(
        "author",
        (Kind.WORK,),
        Kind.PERSON,
        ("{s} was written by {o}", "{s} came from the pen of {o}", "{o} composed {s}"),
    ),
    Relation(
        "publisher",
        (Kind.WORK,),
        Kind.ORGANISATION,
        ("{s} was printed by {o}", "{o} issued {s}", "{s} reached shops through {o}"),
    ),
    Relation(
        "setting",
        (Kind.WORK,),
        Kind.CITY,
        ("{s} unfolds in {o}", "the plot of {s} happens in {o}", "{s} portrays life in {o}"),
    ),
    Relation(
        "director",
        (Kind.WORK, Kind.ORGANISATION),
        Kind.PERSON,
        ("{s} is steered by {o}", "{s} has {o} at the helm", "{o} holds the reins of {s}"),
    ),
    Relation(
        "birthplace",
        (Kind.PERSON,),
        Kind.CITY,
        ("{s} was born in {o}", "{s} first saw daylight in {o}", "{s} left the cradle in {o}"),
    ),
    Relation(
        "spouse",
        (Kind.PERSON,),
        Kind.PERSON,
        ("{s} married {o}", "{s} wears the ring of {o}", "{s} exchanged vows with {o}"),
    ),
    Relation(
        "employer",
        (Kind.PERSON,),
        Kind.ORGANISATION,
        ("{s} works for {o}", "{s} draws a salary from {o}", "{s} has a desk at {o}"),
    ),
    Relation(
        "teacher",
        (Kind.PERSON,),
        Kind.PERSON,
        ("{s} studied under {o}", "{s} learned from {o}", "{s} was a pupil of {o}"),
    ),
    Relation(
        "founder",
        (Kind.ORGANISATION, Kind.CITY, Kind.COUNTRY),
        Kind.PERSON,
        ("{s} was established by {o}", "{o} laid the cornerstone of {s}", "{s} owes its existence to {o}"),
    ),
    Relation(
        "headquarters",
        (Kind.ORGANISATION,),
        Kind.CITY,
        ("{s} is based in {o}", "{s} runs its main office in {o}", "the staff of {s} gather in {o}"),
    ),
    Relation(
        "country",
        (Kind.ORGANISATION, Kind.CITY),
        Kind.COUNTRY,
        ("{s} belongs to {o}", "{s} flies the flag of {o}", "{s} pays tax to {o}"),
    ),
    Relation(
        "capital",
        (Kind.COUNTRY,),
        Kind.CITY,
        ("{s} is governed from {o}", "the parliament of {s} sits in {o}", "{s} keeps its ministries in {o}"),
    ),
)

JOIN = Relation(
    "railway",
    (Kind.CITY, Kind.CITY),
    Kind.LINE,
    ("trains between {s} follow the {o}", "the {o} carries passengers between {s}", "rails between {s} form the {o}"),
)
"""The last step of a branch: its subject is an unordered pair of cities, and only some pairs have one."""

NOTES: dict[Kind, tuple[str, ...]] = {
    Kind.PERSON: ("{s} collects old {thing}", "{s} plays the {instrument} in {season}"),
    Kind.WORK: ("{s} opens with a {season} storm", "critics compare {s} with {thing}"),
    Kind.ORGANISATION: ("{s} sponsors a {season} contest", "{s} lends {thing} to schools"),
    Kind.CITY: (
        "{s} sells {thing} every {season}",
        "{s} honours the {animal} with a statue",
        "{s} hosts {instrument} concerts in {season}",
    ),
    Kind.COUNTRY: (
        "{s} exports {thing} every {season}",
        "{s} protects the {animal} by law",
        "{s} welcomes {season} with {instrument} music",
    ),
}
"""Passages that answer no question: they compete for the place of those that do."""

NOTES_PER_ENTITY = {Kind.PERSON: 1, Kind.WORK: 1, Kind.ORGANISATION: 1, Kind.CITY: 3, Kind.COUNTRY: 3}

NOTE_WORDS = {
    "thing": ["maps", "coins", "shells", "stamps", "lamps", "carpets", "honey", "salt"],
    "instrument": ["flute", "harp", "drum", "fiddle"],
    "season": ["spring", "summer", "autumn"],
    "animal": ["fox", "heron", "otter", "bear", "owl", "horse"],
}

ADJECTIVES = ["quiet", "busy", "proud", "modest", "charming", "curious", "famous", "humble", "lively", "noble"]
NOUNS: dict[Kind, list[str]] = {
    Kind.PERSON: ["gardener", "sailor", "baker", "dancer"],
    Kind.WORK: ["comedy", "tragedy", "romance", "satire"],
    Kind.ORGANISATION: ["enterprise", "team", "house", "partnership"],
    Kind.CITY: ["port", "town", "settlement", "resort"],
    Kind.COUNTRY: ["kingdom", "realm", "land", "domain"],
}
"""Incidental detail: "a quiet port" after the subject's name."""

REMARKS = (
    "Old letters confirm it.",
    "Local papers say so.",
    "Nobody ever doubted this.",
    "Several guides mention it.",
    "Visitors often hear this.",
    "Most people know that.",
)
"""Second sentences that say nothing of use."""


def relations_of(kind: Kind) -> list[Relation]:
    """The relations that every entity of a kind is the subject of."""
    return [relation for relation in RELATIONS if kind in relation.subjects]
