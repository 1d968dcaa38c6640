from stepsearch_core.synthesis.search_keys import OWN_WORDS, TOP_WORDS, KeyKind, candidate_keys
from stepsearch_core.synthesis.sub_questions import lower_words, parse_sub_question

MINED = ("pen", "written", "composed", "sprang")


def test_every_phrasing_of_a_hop():
    keys = candidate_keys(
        parse_sub_question("Dark River >> author"),
        MINED,
        lower_words("Dark River sprang from the pen of Ann"),
    )
    assert {key.kind: key.text for key in keys} == {
        KeyKind.OWN_PHRASING: "Dark River pen sprang",
        KeyKind.SUB_QUESTION: "Dark River author",
        KeyKind.TOP_PHRASING: "Dark River pen written composed",
        KeyKind.RELATION: "Dark River book novel written by",
        KeyKind.QUESTION: "Who wrote Dark River?",
        KeyKind.ENTITY: "Dark River",
    }


def test_few_mined_words_are_typed_and_the_best_ones():
    mined = ("pen", "written", "composed", "sprang", "hand", "ink")
    sub_question = parse_sub_question("Dark River >> author")
    keys = {key.kind: key.text for key in candidate_keys(sub_question, mined, mined[1:])}
    assert keys[KeyKind.OWN_PHRASING] == "Dark River written composed sprang hand"
    assert keys[KeyKind.TOP_PHRASING] == "Dark River pen written composed"
    assert (OWN_WORDS, TOP_WORDS) == (4, 3)


def test_the_same_words_in_another_order_are_one_key():
    asked = parse_sub_question("who wrote Dark River")
    keys = candidate_keys(asked, ("wrote", "who"), ("wrote", "who"))
    assert [key.text for key in keys] == ["Dark River wrote who", "wrote Dark River", "Dark River"]


def test_keys_of_the_same_words_are_given_once():
    keys = candidate_keys(
        parse_sub_question("Dark River >> author"), ("pen",), lower_words("from the pen of Ann")
    )
    texts = [key.text for key in keys if key.kind not in (KeyKind.RELATION, KeyKind.QUESTION)]
    assert texts == ["Dark River pen", "Dark River author", "Dark River"]


def test_without_mined_words_or_entity():
    keys = candidate_keys(parse_sub_question("who broke the salt law in 1930?"), (), ())
    assert [(key.kind, key.text) for key in keys] == [
        (KeyKind.SUB_QUESTION, "who broke the salt law in 1930"),
        (KeyKind.KEYWORDS, "broke salt law 1930"),
    ]
