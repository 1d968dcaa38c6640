import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perf import evaluation
from perf.answer_oracles import adversarial, hotpotqa_scores, musique_scores, normalised
from stepsearch_core.base.streams import Name, draws
from stepsearch_core.metrics.answers import exact_match, hotpotqa_f1, word_f1

TEXTS = st.one_of(
    st.text(string.ascii_letters + string.digits + string.punctuation + " \t\n", max_size=30),
    st.randoms(use_true_random=False).map(adversarial),
)


def test_normalisation_by_hand():
    assert normalised("The  U.S.-born _an_ A1 'a' the\n") == ["usborn", "a1"]
    assert normalised("Theatre; an apple") == ["theatre", "apple"]


@pytest.mark.parametrize(
    ("prediction", "gold", "scores"),
    [
        ("Yes.", "yes", (1, 1)),
        ("yes they are", "yes", (0, 0)),
        ("no", "noanswer", (0, 0)),
        ("the", "a", (1, 0)),
        ("new new york", "New York", (0, pytest.approx(0.8))),
    ],
)
def test_hotpotqas_by_hand(prediction, gold, scores):
    assert hotpotqa_scores(prediction, gold) == scores


def test_musiques_by_hand():
    assert musique_scores("tour eiffel", ["Eiffel Tower", "Tour Eiffel"]) == (1, 1)
    assert musique_scores("tower eiffel", ["Eiffel Tower", "x"]) == (0, 1)
    assert musique_scores("", ["the"]) == (1, 1)
    assert musique_scores("x", ["the"]) == (0, 0)


@pytest.mark.slow
@given(TEXTS, TEXTS)
def test_ours_are_hotpotqas(prediction, gold):
    em, f1 = hotpotqa_scores(prediction, gold)
    assert hotpotqa_f1(prediction, [gold]) == pytest.approx(f1, abs=1e-12)
    assert exact_match(prediction, [gold]) == em


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_ours_are_musiques_but_for_two_texts_without_words(prediction, golds):
    em, f1 = musique_scores(prediction, golds)
    assert exact_match(prediction, golds) == em
    if normalised(prediction):
        assert word_f1(prediction, golds) == pytest.approx(f1, abs=1e-12)
    else:
        assert word_f1(prediction, golds) == 0


def test_what_is_drawn_is_adversarial():
    drawn = [adversarial(draws(number, Name.MEASUREMENT)) for number in range(500)]
    assert len(set(drawn)) > 400
    assert any(not normalised(text) for text in drawn)
    assert any(normalised(text) == ["yes"] for text in drawn)


def test_the_measurement_finds_disagreement(monkeypatch):
    monkeypatch.setattr(evaluation, "STRINGS", 200)
    assert evaluation.metric_agreement() == 1
    monkeypatch.setattr(evaluation, "word_f1", lambda said, golds: 0.5)
    assert 0 < evaluation.metric_agreement() < 0.5
