import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.metrics.answers import cover_match, exact_match, hotpotqa_f1, overlap_f1, word_f1

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


def test_cover_match_wants_the_words_of_an_answer_in_their_order():
    assert cover_match("It is the Eiffel Tower, in Paris.", ["Eiffel tower"]) == 1.0
    assert cover_match("Paris", ["Rome", "the Paris!"]) == 1.0
    assert cover_match("Parisian", ["Paris"]) == 0.0
    assert cover_match("Tower Eiffel", ["Eiffel Tower"]) == 0.0
    assert cover_match(None, ["Paris"]) == cover_match("Paris", []) == cover_match("x", ["the"]) == 0.0
    assert cover_match("The", ["the"]) == 1.0  # as EM has it


@given(words, st.lists(words, max_size=3))
def test_what_matches_exactly_covers(prediction, answers):
    assert cover_match(prediction, answers) >= exact_match(prediction, answers)


def test_a_segmenter_s_words_cover():
    assert cover_match("答案是北京", ["北京"], lambda text: list(text)) == 1.0
    assert cover_match("答案是北京", ["京北"], lambda text: list(text)) == 0.0


def test_yes_in_a_longer_answer_is_a_shared_word_by_the_paper_and_nothing_by_hotpotqas_script():
    # eq. 2: 2 * 1 / (5 + 1)
    assert word_f1("yes they are both Danish", ["yes"]) == pytest.approx(1 / 3)
    assert hotpotqa_f1("yes they are both Danish", ["yes"]) == 0.0
    assert word_f1("yes no", ["no"]) == pytest.approx(2 / 3)  # what the script's rule is there against
    assert hotpotqa_f1("yes no", ["no"]) == 0.0
    assert hotpotqa_f1("no", ["no one"]) == 0.0
    assert hotpotqa_f1("noanswer", ["noanswer given"]) == 0.0


def test_hotpotqas_script_takes_equal_sides_and_all_other_answers_as_the_paper_does():
    assert hotpotqa_f1("Yes.", ["yes"]) == 1.0
    assert hotpotqa_f1("The Eiffel Tower, Paris", ["Eiffel Tower"]) == pytest.approx(0.8)
    # of the second answer
    assert hotpotqa_f1("there is no tower", ["yes", "Eiffel Tower"]) == pytest.approx(2 / 6)
    assert hotpotqa_f1(None, ["yes"]) == hotpotqa_f1("yes", []) == 0.0


@given(words, words)
def test_f1_is_symmetric_bounded_and_one_only_for_equal_word_counts(a, b):
    value = overlap_f1(a, b)
    assert value == overlap_f1(b, a)
    assert 0.0 <= value <= 1.0
    bags = [sorted(word for word in text.split() if word != "the") for text in (a, b)]
    assert (value == 1.0) == (bags[0] == bags[1] and bool(bags[0]))
