from stepsearch_core.worlds import wording
from stepsearch_core.worlds.facts import Entity
from stepsearch_core.worlds.relations import RELATIONS, Kind

BY_NAME = {relation.name: relation for relation in RELATIONS}
WORK = Entity("Silent Crown", Kind.WORK)
PERSON = Entity("Ada Hale", Kind.PERSON)
AUTHOR_SPOUSE = [BY_NAME["author"], BY_NAME["spouse"]]


def test_each_pattern_says_what_it_promises():
    asked = {
        p.__name__: p(WORK, AUTHOR_SPOUSE) for patterns in wording.CHAIN_PATTERNS.values() for p in patterns
    }
    assert asked == {
        "musique_plain": "Who is the spouse of the author of Silent Crown?",
        "musique_topic": "Speaking of Silent Crown, who is the spouse of its author?",
        "hotpotqa_consider": "Consider the author of Silent Crown. Who is the spouse of that person?",
        "hotpotqa_latter": "Think about Silent Crown and its author: who is the spouse of the latter?",
        "wiki_kind": "Who is the spouse of the author of the work Silent Crown?",
        "wiki_name": "What is the name of the spouse of the author of Silent Crown?",
        "bamboogle_that": "Who is the spouse of the person that is the author of Silent Crown?",
        "bamboogle_tell": "Tell me the spouse of the person known as the author of Silent Crown.",
    }


def test_places_are_asked_for_by_what_and_people_are_they():
    relations = [BY_NAME["employer"], BY_NAME["headquarters"]]
    assert (
        wording.musique_topic(PERSON, relations)
        == "Speaking of Ada Hale, what is the headquarters of their employer?"
    )


def test_nesting_puts_the_last_relation_first():
    relations = [BY_NAME[name] for name in ("author", "birthplace", "country", "capital")]
    assert (
        wording.nested("X", relations) == "the capital of the country of the birthplace of the author of X"
    )


def test_branches_name_both_chains():
    left, right = wording.nested("X", [BY_NAME["setting"]]), wording.nested("Y", [BY_NAME["birthplace"]])
    assert (
        wording.branch_plain(left, right)
        == "What is the railway between the setting of X and the birthplace of Y?"
    )
    assert (
        wording.branch_joins(left, right)
        == "Tell me which railway joins the setting of X and the birthplace of Y."
    )
