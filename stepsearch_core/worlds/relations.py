"""Relations of the generated world, and how passages speak of them.

Each relation has a name, used by questions and sub-questions only, and three phrasings, used by passages
only; a fact is told in one of the three, at random. No content word of a phrasing occurs in another phrasing
or elsewhere in a passage: a searcher that knows the three phrasings finds the fact, one that repeats the
question's word does not.

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
        ("{s} was written by {o}", "{s} is from the pen of {o}", "{o} composed {s}"),
    ),
    Relation(
        "publisher",
        (Kind.WORK,),
        Kind.ORGANISATION,
        ("{s} was printed by {o}", "{o} issued {s}", "{s} is sold by {o}"),
    ),
    Relation(
        "setting",
        (Kind.WORK,),
        Kind.CITY,
        ("{s} unfolds in {o}", "the plot of {s} is in {o}", "{s} portrays {o}"),
    ),
    Relation(
        "director",
        (Kind.WORK, Kind.ORGANISATION),
        Kind.PERSON,
        ("{s} is steered by {o}", "{s} has {o} at the helm", "{o} has the reins of {s}"),
    ),
    Relation(
        "birthplace",
        (Kind.PERSON,),
        Kind.CITY,
        ("{s} was born in {o}", "{s} is a native of {o}", "{s} had a cradle in {o}"),
    ),
    Relation(
        "spouse",
        (Kind.PERSON,),
        Kind.PERSON,
        ("{s} married {o}", "{s} has a ring from {o}", "{s} exchanged vows with {o}"),
    ),
    Relation(
        "employer",
        (Kind.PERSON,),
        Kind.ORGANISATION,
        ("{s} works for {o}", "{s} has a salary from {o}", "{s} has a desk at {o}"),
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
        ("{s} was established by {o}", "{o} initiated {s}", "{s} was the brainchild of {o}"),
    ),
    Relation(
        "headquarters",
        (Kind.ORGANISATION,),
        Kind.CITY,
        ("{s} is based in {o}", "{s} has an office in {o}", "the staff of {s} is in {o}"),
    ),
    Relation(
        "country",
        (Kind.ORGANISATION, Kind.CITY),
        Kind.COUNTRY,
        ("{s} belongs to {o}", "{s} is under the flag of {o}", "{s} pays tax to {o}"),
    ),
    Relation(
        "capital",
        (Kind.COUNTRY,),
        Kind.CITY,
        ("{s} is governed from {o}", "the parliament of {s} is in {o}", "{s} has its ministries in {o}"),
    ),
)

JOIN = Relation(
    "railway",
    (Kind.CITY, Kind.CITY),
    Kind.LINE,
    (
        "trains between {s} follow the {o}",
        "the {o} carries passengers between {s}",
        "rails between {s} form the {o}",
    ),
)
"""The last hop of a branch: its subject is an unordered pair of cities, and only some pairs have one."""

NOTES: dict[Kind, tuple[int, tuple[str, ...]]] = {
    Kind.PERSON: (1, ("{s} collects old {thing}", "{s} plays the {instrument} in {season}")),
    Kind.CITY: (
        2,
        (
            "{s} sells {thing} every {season}",
            "{s} honours the {animal} with a statue",
            "{s} hosts {instrument} concerts in {season}",
        ),
    ),
    Kind.COUNTRY: (
        2,
        (
            "{s} exports {thing} every {season}",
            "{s} protects the {animal} by law",
            "{s} welcomes {season} with {instrument} music",
        ),
    ),
}
"""How many passages of each such entity answer no question, with templates: they rival those that do."""

NOTE_WORDS = {
    "thing": ["maps", "coins", "shells", "stamps", "lamps", "carpets", "honey", "salt"],
    "instrument": ["flute", "harp", "drum", "fiddle"],
    "season": ["spring", "summer", "autumn"],
    "animal": ["fox", "heron", "otter", "bear", "owl", "horse"],
}

ADJECTIVES = [
    "quiet",
    "busy",
    "proud",
    "modest",
    "charming",
    "curious",
    "famous",
    "humble",
    "lively",
    "noble",
]
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
