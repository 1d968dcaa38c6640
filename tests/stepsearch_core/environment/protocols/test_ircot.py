import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.types import ActionKind, InvalidReason
from stepsearch_core.environment.protocols.ircot import ends_sentence, read_sentence


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("Ada was born in Oslo.", True),
        ("Was Ada born in Oslo?”", True),
        ("Was Ada born", False),
        ("Ada met J.", False),
        ("Ada met Dr.", False),
        ("It is 3.", False),
        ("It is 3.14", False),
        ("Ada was born in Oslo. She", False),  # was over before: every token is looked at
        ("Ada was born in Oslo\n", True),
        ("\n\n", False),
        ("No.", True),
        ("奥斯陆在挪威。", True),
        ("ओस्लो नॉर्वे में है।", True),
        ("", False),
    ],
)
def test_a_turn_is_over_with_its_sentence_or_line(text, ends):
    assert ends_sentence(text) is ends


def test_a_sentence_is_a_query_unless_it_answers():
    query = read_sentence("  Ada was\nborn in Oslo. ")
    assert (query.kind, query.text, query.has_think) == (ActionKind.SEARCH, "Ada was born in Oslo.", True)
    answer = read_sentence("\nSo the answer is: Norway.")
    assert (answer.kind, answer.text) == (ActionKind.ANSWER, "Norway")
    for nothing in ("", " \n", "...", "<search>"):
        assert read_sentence(nothing).reason is InvalidReason.NO_ACTION


def test_an_answer_that_names_nothing_is_a_query_like_any_other_sentence():
    assert read_sentence("What the answer is:").kind is ActionKind.SEARCH


@given(st.text())
def test_any_text_is_read(text):
    ends_sentence(text)
    assert read_sentence(text).text.strip()
