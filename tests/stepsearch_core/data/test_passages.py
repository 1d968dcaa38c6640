from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.text import passage_id, words
from stepsearch_core.base.types import Passage
from stepsearch_core.data.documents import Document
from stepsearch_core.data.passages import cut, passages_of
from stepsearch_core.params import CorpusParams

TEXTS = st.text(
    st.one_of(st.sampled_from("ab12 .,-\n\n東京ก\u0301\u00ad\u200b\u200d"), st.characters()), max_size=120
)
PLAIN = st.lists(st.sampled_from(["ada", "Bob.", "cid,", "dora\n\n", "42"]), max_size=60).map(" ".join)
LIMITS = st.integers(1, 12)
SIZES = LIMITS.flatmap(lambda limit: st.tuples(st.just(limit), st.integers(0, limit - 1)))


@pytest.mark.parametrize(
    ("text", "limit", "overlap", "passages"),
    [
        ("one two three four five", 2, 0, ["one two", "three four", "five"]),
        ("one two three four five", 3, 1, ["one two three", "three four five"]),
        ("one two three four five", 3, 2, ["one two three", "two three four", "three four five"]),
        ("One two. Three four five", 4, 0, ["One two.", "Three four five"]),  # half of four words, or more
        ("One. Two three four five", 4, 0, ["One. Two three four", "five"]),  # less than half of them
        ("One two three. Four. Five six", 5, 1, ["One two three. Four.", "Four. Five six"]),
        ("one\n\ntwo three", 2, 0, ["one", "two three"]),  # a paragraph ends
        ("one\ntwo three", 2, 0, ["one\ntwo", "three"]),  # a line does not
        ("one two-three four", 2, 0, ["one", "two-three", "four"]),
        ("a | b", 2, 0, ["a |", "b"]),
        ("東京は大きい。人が多い。", 6, 0, ["東京は大きい。", "人が多い。"]),
        ("  ", 5, 0, []),
        ("", 5, 0, []),
    ],
)
def test_by_hand(text, limit, overlap, passages):
    assert list(cut(text, limit, overlap)) == passages


def test_a_passage_bears_its_documents_title():
    params = CorpusParams(passage_words=2, passage_overlap=0)
    [first, second] = passages_of(Document("Numbers", "one two three"), params)
    assert first == Passage(passage_id("Numbers", "one two"), "Numbers", "one two")
    assert (second.title, second.text) == ("Numbers", "three")


@given(TEXTS, LIMITS)
def test_every_word_is_in_one_passage_in_order_and_none_is_longer_than_asked(text, limit):
    passages = list(cut(text, limit))
    assert [word for passage in passages for word in words(passage)] == words(text)
    assert all(len(words(passage)) <= limit for passage in passages)
    assert "".join("".join(passage.split()) for passage in passages) == "".join(text.split())


@given(PLAIN, SIZES)
def test_a_passage_repeats_as_many_words_as_asked_of_the_one_before(text, sizes):
    limit, overlap = sizes
    passages = [passage.split() for passage in cut(text, limit, overlap)]
    assert all(len(passage) <= limit for passage in passages)
    assert all(after[:overlap] == before[len(before) - overlap :] for before, after in pairwise(passages))
    fresh = [passage[overlap if number else 0 :] for number, passage in enumerate(passages)]
    assert [word for passage in fresh for word in passage] == text.split()
    assert all(fresh)


@given(st.lists(st.sampled_from([" ", "-", "/", ". ", "\n\n"]), max_size=60), SIZES)
def test_where_words_hang_together_no_word_is_lost_and_no_more_are_repeated_than_asked(gaps, sizes):
    text = "".join(f"{number}{gap}" for number, gap in enumerate(gaps))
    passages = [list(map(int, words(passage))) for passage in cut(text, *sizes)]
    assert all(passage == list(range(passage[0], passage[-1] + 1)) for passage in passages)
    assert all(len(passage) <= sizes[0] for passage in passages)
    for before, after in pairwise(passages):
        assert 0 <= before[-1] + 1 - after[0] <= sizes[1]
        assert before[-1] < after[-1]
    assert [word for passage in passages[:1] for word in passage[:1]] == [0][: len(gaps)]
    assert [word for passage in passages[-1:] for word in passage[-1:]] == [len(gaps) - 1][: len(gaps)]


@given(PLAIN, LIMITS)
def test_a_passage_ends_with_a_sentence_where_one_ends_in_its_second_half(text, limit):
    for passage in list(cut(text, limit))[:-1]:
        closing = [number for number, word in enumerate(passage.split(), 1) if word == "Bob."]
        if closing and 2 * closing[-1] >= limit:
            assert passage.split()[-1] in ("Bob.", "dora")
