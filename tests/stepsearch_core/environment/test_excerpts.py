import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.environment.excerpts import SENTENCE_SHARE, longest_excerpt


def letters(limit):
    return lambda text: len(text) <= limit


@pytest.mark.parametrize(
    ("text", "limit", "excerpt"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two"),
        ("one two three", 3, "one"),
        ("one two three", 2, ""),
        ("", 5, ""),
        ("One two. Three four five", 9, "One two."),  # a sentence of 8 letters is .8 of them and more
        ("One two. Three four five", 22, "One two. Three four"),  # .. is too little of 19 letters
        ('He said "one two three." And so on', 28, 'He said "one two three."'),
        (
            "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十",
            29,
            "一二三四五六七八九十一二三四五六七八九十",
        ),
        ("x" * 45, 44, "x" * 40),
    ],
)
def test_by_hand(text, limit, excerpt):
    assert longest_excerpt(text, letters(limit)) == excerpt


def test_a_letter_keeps_its_marks():
    text = "a" * 19 + "e\u0301" + "b" * 30  # the twentieth letter has an accent
    assert longest_excerpt(text, letters(30)) == ""
    assert longest_excerpt(text, letters(40)) == text[:40]


@given(st.text(st.sampled_from("ab .?\u0301東\n"), max_size=200), st.integers(0, 120))
def test_it_is_a_beginning_that_fits_and_hardly_shorter_than_what_fits(text, limit):
    excerpt = longest_excerpt(text, letters(limit))
    assert text.startswith(excerpt)
    assert len(excerpt) <= limit
    assert excerpt == excerpt.rstrip()
    assert len(excerpt) == len(text) or not unicodedata.combining(
        text[len(excerpt) : len(excerpt) + 1] or "x"
    )
    words = [
        text[:end]
        for end in range(1, min(limit, len(text)) + 1)
        if text[end - 1 : end + 1].strip()[1:] == ""
    ]
    longest = max((len(word.rstrip()) for word in words), default=0)
    if not any(len(word) > 20 for word in text.split()):
        assert len(excerpt) >= SENTENCE_SHARE * longest
