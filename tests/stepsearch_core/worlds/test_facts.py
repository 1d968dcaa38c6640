from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.text import passage_id
from stepsearch_core.worlds.facts import build_world
from stepsearch_core.worlds.relations import Kind

seeds = st.integers(0, 12)


@settings(max_examples=settings().max_examples // 20)
@given(seed=seeds)
def test_every_relation_of_an_entity_has_exactly_one_object(micro_world, seed):
    world, _ = micro_world(seed)
    told = Counter((frozenset(fact.subjects), fact.relation.name) for fact in world.facts)
    assert set(told.values()) == {1}
    assert all(fact.object not in fact.subjects for fact in world.facts)
    assert all(fact.object.kind == fact.relation.object for fact in world.facts)


@settings(max_examples=settings().max_examples // 20)
@given(seed=seeds)
def test_names_are_unique_and_none_is_part_of_another(micro_world, seed):
    world, _ = micro_world(seed)
    forms = [
        form for entities in world.entities.values() for entity in entities for form in entity.surface_forms
    ]
    assert len(set(forms)) == len(forms)
    usual = [entity.name for entities in world.entities.values() for entity in entities]
    assert len({name.lower() for name in usual}) == len(usual)
    single = {name for name in usual if " " not in name}
    assert not any(word in single for name in usual if " " in name for word in name.split())


@settings(max_examples=settings().max_examples // 20)
@given(seed=seeds)
def test_facts_agree_with_each_other(micro_world, seed):
    world, _ = micro_world(seed)
    known = {
        (fact.subjects[0], fact.relation.name): fact.object
        for fact in world.facts
        if len(fact.subjects) == 1
    }
    for country in world.entities[Kind.COUNTRY]:
        assert known[known[country, "capital"], "country"] is country
    for organisation in world.entities[Kind.ORGANISATION]:
        assert known[organisation, "country"] is known[known[organisation, "headquarters"], "country"]
    for person in world.entities[Kind.PERSON]:
        assert known[known[person, "spouse"], "spouse"] is person


@settings(max_examples=settings().max_examples // 20)
@given(seed=seeds)
def test_passages_name_subject_and_object_in_8_to_16_words(micro_world, seed):
    world, _ = micro_world(seed)
    for fact in world.facts:
        assert fact.passage.title == " and ".join(subject.name for subject in fact.subjects)
        assert all(subject.name in fact.passage.text for subject in fact.subjects)
        assert fact.mention in fact.object.surface_forms
        assert fact.mention in fact.passage.text
        assert fact.relation.name not in fact.passage.contents.lower().replace(".", "").split()
    for passage in world.passages:
        assert 8 <= len(passage.text.split()) <= 16
        assert passage.text.replace(",", "").replace(".", "").replace(" ", "").isalpha()
        assert passage.id == passage_id(passage.title, passage.text)
    assert len({passage.id for passage in world.passages}) == len(world.passages)


def test_an_odd_number_of_people_leaves_one_with_a_spouse_married_to_another(micro_params):
    world = build_world(replace(micro_params, people=61))
    spouses = [fact for fact in world.facts if fact.relation.name == "spouse"]
    mutual = {(fact.subjects[0], fact.object) for fact in spouses}
    assert len(spouses) == 61
    assert sum((right, left) in mutual for left, right in mutual) == 60


def test_aliases_occur_in_passages_and_only_of_organisations_and_countries(default_world):
    world, _ = default_world
    by_alias = [fact for fact in world.facts if fact.mention != fact.object.name]
    assert {fact.object.kind for fact in by_alias} == {Kind.ORGANISATION, Kind.COUNTRY}
    able = [fact for fact in world.facts if fact.object.alias]
    assert 0.24 < len(by_alias) / len(able) < 0.36


def test_the_default_world_has_the_size_it_promises(default_world):
    world, _ = default_world
    assert 2500 <= len(world.passages) <= 4000
    words = {word.strip(".,").lower() for passage in world.passages for word in passage.contents.split()}
    assert 400 <= len(words) <= 700


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cities": 5}, "fetch.world.cities: every country needs one, 5 < 8"),
        ({"people": 3}, "fetch.world.people: at least 4, not 3"),
        ({"works": 5000}, "at most 1600 works, 5000 were asked for"),
    ],
)
def test_impossible_sizes_are_errors(micro_params, change, message):
    with pytest.raises(ValueError, match=message):
        build_world(replace(micro_params, **change))
