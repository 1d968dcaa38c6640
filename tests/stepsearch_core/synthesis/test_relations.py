import yaml

from stepsearch_core.synthesis.relations import RELATIONS, relation


def test_known_and_unknown_relations():
    assert relation("Spouse").ask("Ann") == "Who was Ann married to?"
    assert relation("spouse").words == "married wife husband"
    assert relation("Shoe size").ask("Ann {x}") == "What is the shoe size of Ann {x}?"
    assert relation("shoe size").words == ""


def test_every_entry_is_a_question_about_one_entity_and_words():
    rows = yaml.safe_load(RELATIONS.read_text("utf-8"))
    assert len(rows) > 70
    for name, (question, words) in rows.items():
        assert name == name.lower()
        assert question.count("{}") == 1
        assert question.endswith("?")
        assert words == " ".join(words.split()) != ""
