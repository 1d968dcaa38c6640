import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.synthesis.leaks import forbidden_words, leaks


def test_words_of_title_and_answer_but_for_those_of_the_sub_question():
    forbidden = forbidden_words("Ann Lee >> spouse", "Bob Lee Jr.", ["The Lees of Bergen"])
    assert forbidden == {"bob", "jr", "the", "lees", "of", "bergen"}
    assert not leaks("Ann Lee married wife", forbidden)
    assert leaks("Ann Lee BOB", forbidden)
    assert leaks("wife of Ann", forbidden)


@pytest.mark.parametrize(
    ("sub_question", "answer", "key", "leak"),
    [
        ("Who is Beyonc\u00e9's husband", "Jay-Z", "Jay Z rapper album", True),
        ("Who is Beyonc\u00e9's husband", "Jay-Z", "Beyonc\u00e9 husband", False),
        ("Which hero climbs walls", "Spider-Man", "hero Spider Man film", True),
        ("Where was X born", "Paris", "X Paris-born painter", True),
        (
            "\u57c3\u83f2\u5c14\u94c1\u5854\u5728\u54ea\u91cc",
            "\u5df4\u9ece",
            "\u57c3\u83f2\u5c14\u94c1\u5854\u5df4\u9ece",
            True,
        ),
        ("Which band sang it", "\uff21\uff22\uff22\uff21", "ABBA band", True),
    ],
)
def test_words_are_those_that_retrieval_finds(sub_question, answer, key, leak):
    assert leaks(key, forbidden_words(sub_question, answer, [])) == leak


@pytest.mark.slow
@given(st.lists(st.sampled_from(["ann", "bob", "of", "1900", "oslo"]), max_size=4), st.data())
def test_a_key_of_the_sub_question_s_words_never_leaks_and_one_with_another_of_the_answer_s_always(
    asked, data
):
    answer = data.draw(st.lists(st.sampled_from(["ann", "bergen", "carl"]), min_size=1, max_size=3))
    forbidden = forbidden_words(" ".join(asked), " ".join(answer), [])
    assert not leaks(" ".join(asked), forbidden)
    for word in answer:
        assert leaks(f"which {word.upper()}?", forbidden) == (word not in asked)
