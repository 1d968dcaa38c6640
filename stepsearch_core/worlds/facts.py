"""Entities, facts and passages of the generated world: one passage per fact, plus notes that answer nothing.

Facts agree with each other where a reader would expect it: a capital lies in its country, an organisation
belongs to the country of its headquarters, marriages are mutual.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from stepsearch_core.base.streams import Name, draws
from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Passage
from stepsearch_core.params import WorldParams
from stepsearch_core.worlds import names
from stepsearch_core.worlds.relations import (
    ADJECTIVES,
    JOIN,
    NOTE_WORDS,
    NOTES,
    NOUNS,
    REMARKS,
    Kind,
    Relation,
    relations_of,
)

T = TypeVar("T")

ALIASED = {Kind.ORGANISATION: "{} Group", Kind.COUNTRY: "Republic of {}"}
ALIAS_SHARE = 0.5  # of the entities of these kinds
ALIAS_MENTION_SHARE = 0.3  # of the passages with such an entity as object
PASSAGE_WORDS = range(8, 17)
JOINS_PER_CITY = 2


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """Somebody or something with a unique name; `alias` is another name for it, if it has one."""

    name: str
    kind: Kind
    alias: str | None = None

    @property
    def surface_forms(self) -> tuple[str, ...]:
        """Every name of the entity, the usual one first."""
        return (self.name, self.alias) if self.alias else (self.name,)


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """`subjects` (one, or two cities) stand in `relation` to `object`, which `passage` calls `mention`."""

    id: int
    subjects: tuple[Entity, ...]
    relation: Relation
    object: Entity
    mention: str
    passage: Passage


@dataclass
class World:
    """Everything there is. `facts_of` and `joins` index the facts by their subjects."""

    entities: dict[Kind, list[Entity]]
    facts: list[Fact] = field(default_factory=list)
    notes: list[Passage] = field(default_factory=list)
    facts_of: dict[Entity, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    joins: list[Fact] = field(default_factory=list)

    @property
    def passages(self) -> list[Passage]:
        """Every passage once: the facts' in the order of the facts, then the notes."""
        return [fact.passage for fact in self.facts] + self.notes


def build_world(params: WorldParams) -> World:
    """Draw entities, facts and passages; the same parameters give the same world.

    Raises:
        ValueError: a size is too small for a consistent world, or larger than the names allow.
    """
    _check_sizes(params)
    random_ = draws(params.seed, Name.FACTS)
    world = World(_entities(params, random_))
    objects = _objects(world.entities, random_)
    for (subject, relation), object_ in objects.items():
        fact = _fact(len(world.facts), (subject,), relation, object_, random_)
        world.facts.append(fact)
        world.facts_of[subject].append(fact)
    for pair in _city_pairs(world.entities[Kind.CITY], random_):
        fact = _fact(len(world.facts), pair, JOIN, random_.choice(world.entities[Kind.LINE]), random_)
        world.facts.append(fact)
        world.joins.append(fact)
    world.notes = list(_notes(world.entities, random_))
    return world


def _check_sizes(params: WorldParams) -> None:
    for name, least in (("people", 4), ("works", 1), ("organisations", 2), ("cities", 4), ("countries", 2)):
        if getattr(params, name) < least:
            raise ValueError(f"fetch.world.{name}: at least {least}, not {getattr(params, name)}")
    if params.cities < params.countries:
        raise ValueError(
            f"fetch.world.cities: every country needs one, {params.cities} < {params.countries}"
        )


def _entities(params: WorldParams, random_: random.Random) -> dict[Kind, list[Entity]]:
    drawn = {
        Kind.PERSON: names.pair_names(names.FIRST_NAMES, names.LAST_NAMES, params.people, random_, "people"),
        Kind.WORK: names.pair_names(names.WORK_FIRST, names.WORK_SECOND, params.works, random_, "works"),
        Kind.ORGANISATION: names.pair_names(
            names.ORGANISATION_FIRST,
            names.ORGANISATION_SECOND,
            params.organisations,
            random_,
            "organisations",
        ),
        Kind.CITY: names.city_names(params.cities, random_),
        Kind.COUNTRY: names.country_names(params.countries, random_),
        Kind.LINE: names.pair_names(names.LINE_FIRST, names.LINE_SECOND, 48, random_, "lines"),
    }
    return {
        kind: [Entity(name, kind, _alias(name, kind, random_)) for name in found]
        for kind, found in drawn.items()
    }


def _alias(name: str, kind: Kind, random_: random.Random) -> str | None:
    aliased = kind in ALIASED and random_.random() < ALIAS_SHARE
    return ALIASED[kind].format(name) if aliased else None


def _objects(
    entities: dict[Kind, list[Entity]], random_: random.Random
) -> dict[tuple[Entity, Relation], Entity]:
    """The object of every (subject, relation): drawn at random, except where facts have to agree."""
    agreed = _agreed_objects(entities, random_)
    objects = {}
    for kind in (Kind.WORK, Kind.PERSON, Kind.ORGANISATION, Kind.CITY, Kind.COUNTRY):
        for subject in entities[kind]:
            for relation in relations_of(kind):
                drawn = random_.choice(
                    [entity for entity in entities[relation.object] if entity is not subject]
                )
                objects[subject, relation] = agreed.get((subject, relation.name), drawn)
    return objects


def _agreed_objects(
    entities: dict[Kind, list[Entity]], random_: random.Random
) -> dict[tuple[Entity, str], Entity]:
    agreed: dict[tuple[Entity, str], Entity] = {}
    countries = entities[Kind.COUNTRY]
    cities = shuffled(entities[Kind.CITY], random_)
    country_of = {city: countries[i % len(countries)] for i, city in enumerate(cities)}
    for city, country in country_of.items():
        agreed[city, "country"] = country
        agreed[country, "capital"] = city
    for organisation in entities[Kind.ORGANISATION]:
        city = random_.choice(cities)
        agreed[organisation, "headquarters"] = city
        agreed[organisation, "country"] = country_of[city]
    people = shuffled(entities[Kind.PERSON], random_)
    for left, right in zip(people[::2], people[1::2], strict=False):  # an odd one out marries at random
        agreed[left, "spouse"], agreed[right, "spouse"] = right, left
    return agreed


def _city_pairs(cities: list[Entity], random_: random.Random) -> list[tuple[Entity, Entity]]:
    """Distinct unordered pairs: every city is joined with the next ones of a random circle."""
    circle = shuffled(cities, random_)
    pairs: dict[frozenset[Entity], tuple[Entity, Entity]] = {}
    for distance in range(1, JOINS_PER_CITY + 1):
        for pair in zip(circle, circle[distance:] + circle[:distance], strict=True):
            pairs.setdefault(frozenset(pair), pair)
    return list(pairs.values())


def _fact(
    number: int, subjects: tuple[Entity, ...], relation: Relation, object_: Entity, random_: random.Random
) -> Fact:
    mention = object_.name
    if object_.alias and random_.random() < ALIAS_MENTION_SHARE:
        mention = object_.alias
    phrasing = random_.choice(relation.phrasings)
    title = " and ".join(subject.name for subject in subjects)
    detailed = subjects[0] if len(subjects) == 1 else None
    text = _text(phrasing.replace("{o}", mention), title, detailed, random_)
    return Fact(number, subjects, relation, object_, mention, Passage(passage_id(title, text), title, text))


def _notes(entities: dict[Kind, list[Entity]], random_: random.Random) -> Iterable[Passage]:
    for kind, (count, templates) in NOTES.items():
        for entity in entities[kind]:
            for template in random_.sample(templates, count):
                words = {slot: random_.choice(choices) for slot, choices in NOTE_WORDS.items()}
                text = _text(template.format(s="{s}", **words), entity.name, entity, random_)
                yield Passage(passage_id(entity.name, text), entity.name, text)


def _text(clause: str, subject: str, detailed: Entity | None, random_: random.Random) -> str:
    """One or two sentences of 8-16 words: the clause, incidental detail about the subject, a remark."""
    plain = _sentence(clause.replace("{s}", subject))
    remark = random_.choice(REMARKS)
    variants = [plain, f"{plain} {remark}"]
    if detailed:
        detail = f"a {random_.choice(ADJECTIVES)} {random_.choice(NOUNS[detailed.kind])}"
        closed = "" if clause.endswith("{s}") else ","
        ornate = _sentence(clause.replace("{s}", f"{subject}, {detail}{closed}"))
        variants += [ornate, f"{ornate} {remark}"]
    return random_.choice([text for text in variants if len(text.split()) in PASSAGE_WORDS])


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:] + "."


def shuffled(items: Iterable[T], random_: random.Random) -> list[T]:
    """A shuffled copy."""
    copy = list(items)
    random_.shuffle(copy)
    return copy
