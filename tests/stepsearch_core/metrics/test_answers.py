import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.metrics.answers import exact_match, overlap_f1, word_f1

words = st.lists(st.sampled_from(["paris", "the", "tower", "of", "new", "york"]), max_size=5).map(" ".join)


def test_f1_counts_shared_words_after_normalisation():
    assert word_f1("The Eiffel Tower, Paris", ["Eiffel Tower"]) == pytest.approx(2 * 2 / (3 + 2))


def test_f1_takes_the_best_alias_and_does_not_round():
    assert word_f1("eiffel", ["Eiffel Tower", "Tour Eiffel"]) == pytest.approx(2 / 3, abs=1e-15)
    assert word_f1("tour eiffel", ["Eiffel Tower", "Tour Eiffel"]) == 1.0


def test_f1_is_over_multisets():
    # overlap: new x1, york x1 -> 2; 2 * 2 / (4 + 2)
    assert word_f1("new new york york", ["New York"]) == pytest.approx(2 / 3)


def test_two_empty_texts_match_exactly_but_share_no_word():
    assert exact_match("", [""]) == 1.0
    assert exact_match("The", ["a"]) == 1.0
    assert word_f1("", [""]) == 0.0


@pytest.mark.parametrize("score", [exact_match, word_f1])
def test_no_prediction_and_no_answers_score_zero(score):
    assert score(None, ["Paris"]) == 0.0
    assert score("Paris", []) == 0.0


def test_exact_match_ignores_case_articles_punctuation_and_blanks():
    assert exact_match("  the  U.S. ", ["us"]) == 1.0
    assert exact_match("Paris, France", ["Paris", "Paris France!"]) == 1.0
    assert exact_match("Paris France", ["Paris"]) == 0.0


@given(words, words)
def test_f1_is_symmetric_bounded_and_one_only_for_equal_word_counts(a, b):
    value = overlap_f1(a, b)
    assert value == overlap_f1(b, a)
    assert 0.0 <= value <= 1.0
    bags = [sorted(word for word in text.split() if word != "the") for text in (a, b)]
    assert (value == 1.0) == (bags[0] == bags[1] and bool(bags[0]))
