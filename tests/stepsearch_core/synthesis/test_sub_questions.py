import pytest

from stepsearch_core.base.types import Hop, Question
from stepsearch_core.synthesis.relations import relation as relation_named
from stepsearch_core.synthesis.sub_questions import (
    SubQuestion,
    keywords,
    names,
    parse_hops,
    parse_sub_question,
)


@pytest.mark.parametrize(
    ("text", "entity", "relation", "thought"),
    [
        ("Dark River >> author", "Dark River", "author", "author of Dark River"),
        (
            "East Falls and Elm Bay >> railway",
            "East Falls and Elm Bay",
            "railway",
            "railway of East Falls and Elm Bay",
        ),
        (
            "Ellis Island >> located in the State",
            "Ellis Island",
            "located in the state",
            "located in the State of Ellis Island",
        ),
        ("A >> b >> c", "A b", "c", "c of A b"),
    ],
)
def test_templated_sub_questions(text, entity, relation, thought):
    parsed = parse_sub_question(text)
    told = relation_named(relation)
    assert parsed == SubQuestion(
        text=f"{entity} {thought.removesuffix(f' of {entity}')}",
        entity=entity,
        relation=relation,
        thought=thought,
        question=told.ask(entity),
        words=told.words,
    )


@pytest.mark.parametrize(
    ("text", "known", "entity", "relation"),
    [
        (
            "Who was the first president of American Psychological Association ?",
            ["American Psychological Association"],
            "American Psychological Association",
            "first president",
        ),
        ("What city did Hank Snow live when he died?", [], "Hank Snow", "city live died"),
        (
            "how many publix stores are in North Carolina",
            ["North Carolina"],
            "North Carolina",
            "many publix stores",
        ),
        ("who broke salt law in belgaum in 1930", [], "", "broke salt law belgaum 1930"),
        ("when was hong kong taken by the British", ["hong kong"], "hong kong British", "taken"),
    ],
)
def test_plain_sub_questions_split_into_names_and_the_rest(text, known, entity, relation):
    parsed = parse_sub_question(text, known)
    assert (parsed.entity, parsed.relation) == (entity, relation)
    assert parsed.text == parsed.thought == text.rstrip(" ?")


def test_only_earlier_answers_are_known():
    hops = (Hop("Brother >> performer", "pearl jam"), Hop("what city was pearl jam formed in", "seattle"))
    (_, first), (_, second) = parse_hops(Question("1", "musique", "train", "?", ("seattle",), hops))
    assert (first.entity, second.entity, second.relation) == ("Brother", "pearl jam", "city formed")


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("Who is the wife of Kim Jong-chul?", ["Kim Jong-chul"]),
        ("The University of Vienna and Émile Zola met", ["University of Vienna and Émile Zola"]),
        (
            "Printed by Oak House, Ann Lee's Mill 7 of the old kind.",
            ["Printed", "Oak House", "Ann Lee's Mill 7"],
        ),
        ("Rome, Rome and rome", ["Rome"]),
        ("nothing here 1930", []),
        ("", []),
    ],
)
def test_names_are_capitalised_spans(text, spans):
    assert names(text) == spans


def test_keywords_keep_order_and_writing():
    assert keywords("What is the Name of the Oak House?", without={"oak"}) == "Name House"
