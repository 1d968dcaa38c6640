import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.params import WorldParams
from stepsearch_core.worlds.facts import build_world
from stepsearch_core.worlds.questions import STRUCTURES, make_questions, structure_counts

seeds = st.integers(0, 12)


def first_facts(question):
    """The facts that start from an entity named in the question."""
    return [fact for fact, sub in zip(question.facts, question.sub_questions, strict=True) if "#" not in sub]


def told(fact):
    """A relation and the names that it joins, whichever side tells of it."""
    return fact.relation.name, *sorted(entity.name for entity in (*fact.subjects, fact.object))


def all_tested(split):
    return [question for questions in split.test.values() for question in questions]


def assert_separated(split):
    tested = all_tested(split)
    trained_facts = {told(fact) for question in split.train for fact in question.facts}
    assert not trained_facts & {told(fact) for question in tested for fact in question.facts}
    chains = [tuple(fact.id for fact in question.facts) for question in (*split.train, *tested)]
    assert len(set(chains)) == len(chains)
    texts = [question.text for question in (*split.train, *tested)]
    assert len(set(texts)) == len(texts)
    for question in split.train:
        assert (
            not {entity for fact in question.facts for entity in (*fact.subjects, fact.object)}
            & split.held_out
        )
    for question in tested:
        assert {fact.subjects[0] for fact in first_facts(question)} <= split.held_out


def test_no_fact_or_text_of_a_test_question_occurs_in_training(default_world):
    assert_separated(default_world[1])


@pytest.mark.slow
@settings(max_examples=settings().max_examples // 20)
@given(seed=seeds)
def test_splits_are_separate_at_any_seed(micro_world, seed):
    assert_separated(micro_world(seed)[1])


def walk(world, question):
    """Answer a question from its sub-questions alone, by the facts' triples; every step must be
    unambiguous.
    """
    names = {
        form: e.name for entities in world.entities.values() for e in entities for form in e.surface_forms
    }
    answers: list[str] = []
    for sub_question in question.sub_questions:
        subject, relation = sub_question.split(" >> ")
        subject = re.sub(r"#(\d)", lambda match: answers[int(match[1]) - 1], subject)
        subjects = {names[part] for part in subject.split(" and ")}
        found = [
            f
            for f in world.facts
            if f.relation.name == relation and {s.name for s in f.subjects} == subjects
        ]
        assert len(found) == 1
        answers.append(found[0].mention)
    return answers


@settings(max_examples=settings().max_examples // 25)
@given(seed=seeds)
def test_sub_questions_lead_to_one_answer(micro_world, seed):
    world, split = micro_world(seed)
    for question in all_tested(split) + split.train[::10]:
        assert walk(world, question) == [fact.mention for fact in question.facts]
        assert question.answer == question.facts[-1].mention


@settings(max_examples=settings().max_examples // 20)
@given(seed=seeds)
def test_no_question_gives_its_answer_or_a_link_away(micro_world, seed):
    _, split = micro_world(seed)
    for question in (*split.train, *all_tested(split)):
        assert not any(fact.object.name in question.text for fact in question.facts)
        assert 8 <= len(question.text.split()) <= 25


def test_shares_of_hops_and_branches(default_world):
    _, split = default_world
    structures = Counter(question.structure.prefix for question in split.train)
    assert structures == {"2hop": 1260, "3hop1": 804, "3hop2": 176, "4hop1": 459, "4hop3": 101}
    assert {name: len(questions) for name, questions in split.test.items()} == dict.fromkeys(
        ("musique", "hotpotqa", "2wikimultihopqa", "bamboogle"), 250
    )
    assert {len(q.facts) for q in split.test["hotpotqa"] + split.test["bamboogle"]} == {2}
    assert Counter(len(q.facts) for q in split.test["2wikimultihopqa"]) == {2: 175, 3: 50, 4: 25}
    assert sum(q.structure.branch for q in split.test["musique"]) == 25


def skeleton(question):
    """The wording with names and relations blanked out."""
    text = question.text
    for fact in question.facts:
        for subject in fact.subjects:
            text = text.replace(subject.name, "NAME")
        text = re.sub(rf"\b{fact.relation.name}\b", "RELATION", text)
    return text


def test_every_wording_of_a_test_question_is_met_in_training(default_world):
    _, split = default_world
    assert {skeleton(q) for q in all_tested(split)} <= {skeleton(q) for q in split.train}


def test_every_relation_is_asked_often_enough_to_be_learnt(default_world):
    _, split = default_world
    asked = Counter(fact.relation.name for question in split.train for fact in question.facts)
    assert len(asked) == 13
    assert min(asked.values()) >= 100


def test_branches_join_two_chains_that_share_nothing(default_world):
    _, split = default_world
    branches = [q for q in split.train if q.structure.branch]
    for question in branches:
        *chains, join = question.facts
        met = [fact.object for fact in chains] + [fact.subjects[0] for fact in first_facts(question)]
        assert len(set(met)) == len(met)
        ends = [chains[-2].object, chains[-1].object]
        assert set(ends) == set(join.subjects)
        assert question.sub_questions[-1] == f"#{len(chains) - 1} and #{len(chains)} >> railway"


def test_a_world_too_small_for_its_questions_says_so(micro_params):
    with pytest.raises(
        ValueError, match=r"fetch.world: too small: \d+ 2hop questions were asked for and \d+ chains"
    ):
        make_questions(build_world(micro_params), replace(micro_params, test_questions=1000))


def test_shares_of_hops_are_those_asked_for():
    params = WorldParams(hop_shares=[0.0, 0.0, 1.0])
    for count in (1, 10, 45, 99, 7800):
        counts = {s.prefix: n for s, n in structure_counts("musique", count, params).items() if n}
        assert counts.keys() <= {"4hop1", "4hop3"}
        assert sum(counts.values()) == count
    assert structure_counts("hotpotqa", 9, params)[STRUCTURES[0]] == 9


@given(
    st.integers(1, 9_999),
    st.sampled_from([(0.45, 0.35, 0.2), (0.1, 0.3, 0.6), (0.0, 0.5, 0.5), (0.02, 0.49, 0.49)]),
)
def test_counts_of_structures_sum_up_and_none_is_negative(count, shares):
    params = WorldParams(hop_shares=list(shares))
    for benchmark in ("musique", "2wikimultihopqa"):
        counts = structure_counts(benchmark, count, params).values()
        assert sum(counts) == count
        assert min(counts) >= 0
