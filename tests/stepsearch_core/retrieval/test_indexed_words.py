import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.indexed_words import indexed_words, stop_words


def test_words_are_the_segmenters_less_stop_words():
    assert indexed_words(RetrievalParams())("The cat's toy") == ["the", "cat", "s", "toy"]
    assert indexed_words(RetrievalParams(stopwords="en"))("The cat and a toy") == ["cat", "toy"]


def test_a_stop_word_is_cut_into_words_as_texts_are():
    assert "QUE\u0301".casefold() not in stop_words(RetrievalParams(stopwords="es"))
    assert indexed_words(RetrievalParams(stopwords="es"))("¿QUE\u0301 es un gato?") == ["gato"]


def test_an_unknown_list_of_stop_words_is_named():
    with pytest.raises(DataError, match=r"^params: field 'retrieval\.stopwords': xx not recognized"):
        indexed_words(RetrievalParams(stopwords="xx"))
