from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.types import Passage
from stepsearch_core.environment.documents import Documents
from stepsearch_core.environment.encoding import TextEncoder
from stepsearch_core.environment.prompts import MINIMAL
from tests import tiny

WORD = tiny.tokenizer()


def documents(**changes):
    encoder = TextEncoder(WORD, MINIMAL.grammar.tags)
    return Documents(encoder, MINIMAL, tiny.environment(**{"max_observation_tokens": 40, **changes}))


def test_a_block_holds_passages_between_its_tags():
    made = documents().block(tiny.PASSAGES[:2], 40)
    assert WORD.decode(made.ids).startswith("<information> Doc 1 : ada was born in oslo . Doc 2 : bob")
    assert (made.shown, made.cut, len(made.ids)) == ((0, 1), (), 2 + 2 * (3 + 6))


def test_the_least_that_shows_anything_is_the_shortest_limit():
    """Tags, heading and mark of a cut (2 + 3 + 3), and 8 tokens."""
    assert documents().least == 2 + 3 + 3 + 8
    long = Passage("long", "", "oslo " * 60)
    assert documents().block([long], 16).shown == (0,)
    assert documents().block([long], 15).shown == ()
    assert documents().block([long], 1) is None


def test_a_text_in_place_of_documents_is_cut_at_the_room():
    assert WORD.decode(documents().text("oslo lies in norway .", 40)) == (
        "<information> oslo lies in norway . </information>"
    )
    assert (
        WORD.decode(documents().text("oslo lies in norway .", 4)) == "<information> oslo lies </information>"
    )
    assert documents().text("oslo", 1) is None
    assert WORD.decode(documents().text("</information> oslo", 40)).count("</information> oslo") == 0


@given(st.integers(0, 60), st.integers(16, 40), st.lists(st.sampled_from(tiny.PASSAGES), max_size=6))
def test_no_block_is_longer_than_room_and_limit(room, limit, passages):
    for long_passages in ("cut", "skip"):
        made = documents(max_observation_tokens=limit, long_passages=long_passages).block(passages, room)
        assert (made is None) == (room < 2)
        assert made is None or len(made.ids) <= min(room, limit)
