import string
from collections import Counter

from stepsearch_core.worlds import names, relations
from stepsearch_core.worlds.relations import JOIN, NOTE_WORDS, NOTES, RELATIONS, Kind, relations_of

FUNCTION_WORDS = frozenset(
    "the of by in is was has had a an its to from for at under with between old every".split()  # noqa: SIM905
)


def plain_words(template: str) -> set[str]:
    text = string.Formatter().vformat(template, (), dict.fromkeys(("s", "o", *NOTE_WORDS), ""))
    return set(text.lower().split()) - FUNCTION_WORDS


def phrasing_words() -> list[str]:
    return [word for r in (*RELATIONS, JOIN) for phrasing in r.phrasings for word in plain_words(phrasing)]


def incidental_words() -> set[str]:
    words = {
        word for _, templates in NOTES.values() for template in templates for word in plain_words(template)
    }
    words |= {word for choices in NOTE_WORDS.values() for word in choices} | set(relations.ADJECTIVES)
    words |= {word for nouns in relations.NOUNS.values() for word in nouns}
    return words | {word for remark in relations.REMARKS for word in remark.lower().rstrip(".").split()}


def name_words() -> set[str]:
    return {word.lower() for name, value in vars(names).items() if name.isupper() for word in value}


def test_every_content_word_of_a_phrasing_belongs_to_it_alone():
    counts = Counter(phrasing_words())
    assert {word for word, count in counts.items() if count > 1} == set()
    assert not set(counts) & incidental_words()
    assert not set(counts) & name_words()
    assert all(plain_words(phrasing) for relation in (*RELATIONS, JOIN) for phrasing in relation.phrasings)


def test_relation_names_are_one_word_distinct_and_in_no_passage():
    relation_names = [relation.name for relation in (*RELATIONS, JOIN)]
    assert len(set(relation_names)) == len(relation_names)
    assert all(name.isalpha() and name.islower() for name in relation_names)
    assert not set(relation_names) & (
        set(phrasing_words()) | incidental_words() | name_words() | FUNCTION_WORDS
    )


def test_phrasings_have_both_slots_once():
    for relation in (*RELATIONS, JOIN):
        assert len(set(relation.phrasings)) == 3
        assert all(p.count("{s}") == 1 and p.count("{o}") == 1 for p in relation.phrasings)


def test_starting_kinds_have_four_relations_and_places_lead_on():
    assert {kind: len(relations_of(kind)) for kind in Kind} == {
        Kind.PERSON: 4,
        Kind.WORK: 4,
        Kind.ORGANISATION: 4,
        Kind.CITY: 2,
        Kind.COUNTRY: 2,
        Kind.LINE: 0,
    }
