import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Hop
from stepsearch_core.benchmarks.examples import UNKNOWN_SUPPORTS
from stepsearch_core.benchmarks.hotpotqa import read_example
from stepsearch_core.data.account import Account
from stepsearch_core.data.row import Row
from tests.stepsearch_core.benchmarks.rows_of_formats import HOTPOTQA, damaged


@pytest.mark.parametrize("encode", [lambda value: value, repr], ids=["lists", "strings"])
def test_steps_are_the_supporting_paragraphs(encode):
    row = {**HOTPOTQA, **{name: encode(HOTPOTQA[name]) for name in ("context", "supporting_facts")}}
    question = read_example(Row("x", row), 0, "dev", Account("x")).question
    assert (question.id, question.dataset, question.split) == ("5a77ec115542992a6e59dff7", "hotpotqa", "dev")
    assert question.answers == ("Bob Ray",)
    assert question.hops == (
        Hop("", "", (passage_id("Dark River", "Dark River is a novel. It was written by Ann Lee."),)),
        Hop("", "", (passage_id("Ann Lee", "Ann Lee is a writer. She married Bob Ray."),)),
    )
    assert not question.has_decomposition


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("_id",), KeyError, "field '_id': missing"),
        (("answer",), ["Bob Ray"], "field 'answer': expected text, found list"),
        (("context", 1), ["Old Mill"], r"field 'context\[1\]': expected a list of 2"),
        (("context", 1, 1), "Old Mill is a song.", r"field 'context\[1\]\.sentences': expected a list"),
        (("context", 1, 1, 0), None, r"field 'context\[1\]\.sentences\[0\]': expected text"),
        (
            ("supporting_facts",),
            "[['Dark River', 1]",
            "field 'supporting_facts': expected a list, found str",
        ),
    ],
)
def test_damage_is_named(path, value, problem):
    with pytest.raises(DataError, match=problem):
        read_example(Row("x", damaged("hotpotqa", *path, to=value)), 0, "dev", Account("x"))


def test_a_row_whose_context_lacks_a_support_is_kept_without_supports():
    account = Account("x")
    row = damaged("hotpotqa", "supporting_facts", 0, 0, to="Not retrieved")
    question = read_example(Row("x", row), 0, "dev", account).question
    assert (question.answers, question.hops, question.support_ids) == (("Bob Ray",), (), ())
    assert account.oddities == {UNKNOWN_SUPPORTS: 1}
