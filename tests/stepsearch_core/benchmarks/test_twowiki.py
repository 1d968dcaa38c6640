import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Hop
from stepsearch_core.benchmarks.twowiki import read_example
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row
from tests.stepsearch_core.benchmarks.rows_of_formats import TWOWIKI, damaged


def test_evidence_triples_become_steps():
    question = read_example(Row("x", TWOWIKI), 0, "dev", Account("x")).question
    assert question.hops == (
        Hop(
            "Dark River >> author",
            "Ann Lee",
            (passage_id("Dark River", "Dark River was written by Ann Lee."),),
        ),
        Hop(
            "Ann Lee >> spouse",
            "Bob Ray",
            (passage_id("Ann Lee (writer)", "Ann Lee is a writer. She married Bob Ray."),),
        ),
    )


@pytest.mark.parametrize(
    ("subject", "titles", "told_in"),
    [
        ("Ryan Adams", ["Ryan Adams (album)", "Ryan Adams"], "Ryan Adams"),
        ('"When The Stars Go Blue', ["Ryan Adams", "When the Stars Go Blue"], "When the Stars Go Blue"),
        ("Palo Alto", ["Gia Coppola", "Palo Alto (2013 film)"], "Palo Alto (2013 film)"),
        ("The Power", ["Stephen Carpenter (writer)", "The Power of Love"], "The Power of Love"),
        (
            "Humphrey Stafford",
            ["Humphrey Stafford, 1st Duke of Buckingham", "Kent"],
            "Humphrey Stafford, 1st Duke of Buckingham",
        ),
        ("Lord John Stuart", ["The Notorious Miss Lisle", "John Stuart (actor)"], "John Stuart (actor)"),
        ("Quite Another", ["Ryan Adams", "Palo Alto"], None),
        ("the", ["The Ring", "Palo Alto"], None),
    ],
)
def test_the_support_is_the_supporting_title_closest_to_the_subject(subject, titles, told_in):
    row = {
        **TWOWIKI,
        "context": [[title, [f"On {title}."]] for title in [subject, *titles]],
        "supporting_facts": [[title, 0] for title in titles],
        "evidences": [[subject, "relation", "object"]],
    }
    (hop,) = read_example(Row("x", row), 0, "dev", Account("x")).question.hops
    assert hop.support_ids == ((passage_id(told_in, f"On {told_in}."),) if told_in else ())


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("evidences",), KeyError, "field 'evidences': missing"),
        (("evidences", 0), ["Dark River", "author"], r"field 'evidences\[0\]': expected a list of 3"),
        (("evidences", 1, 2), 1911, r"field 'evidences\[1\]\.object': expected text, found int"),
    ],
)
def test_damage_is_named(path, value, problem):
    with pytest.raises(DataError, match=problem):
        read_example(Row("x", damaged("2wikimultihopqa", *path, to=value)), 0, "dev", Account("x"))


def test_a_row_whose_context_lacks_a_support_keeps_its_steps_without_supports():
    question = read_example(
        Row("x", damaged("2wikimultihopqa", "supporting_facts", 0, 0, to="Not retrieved")),
        0,
        "dev",
        Account("x"),
    ).question
    assert [hop.sub_question for hop in question.hops] == ["Dark River >> author", "Ann Lee >> spouse"]
    assert question.support_ids == ()
