from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.synthesis.leaks import forbidden_words, leaks
from stepsearch_core.synthesis.sub_questions import lower_words


def test_words_of_title_and_answer_but_for_those_of_the_sub_question():
    forbidden = forbidden_words("Ann Lee >> spouse", "Bob Lee Jr.", ["The Lees of Bergen"])
    assert forbidden == {"bob", "jr", "the", "lees", "of", "bergen"}
    assert not leaks("Ann Lee married wife", forbidden)
    assert leaks("Ann Lee BOB", forbidden)
    assert leaks("wife of Ann", forbidden)


words = st.lists(st.sampled_from(["Ann", "bob", "of", "Bergen", "1900", "é"]), max_size=5).map(" ".join)


@given(words, words, words, words)
def test_a_key_leaks_if_and_only_if_it_holds_such_a_word(key, asked, answer, title):
    given_away = [w for w in lower_words(f"{answer} {title}") if w not in lower_words(asked)]
    assert leaks(key, forbidden_words(asked, answer, [title])) == any(
        word in given_away for word in lower_words(key)
    )
