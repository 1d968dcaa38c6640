import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.retrieval.char_ngrams import LENGTH, CharNgrams

TEXTS = ["The winners of the cup", "A cup of tea", "Oslo lies in Norway", "Bergen lies in Norway too"]


def positions(index, query, k=3):
    return [position for position, _ in index.rank([query], k)[0]]


def test_other_endings_and_misspelt_names_are_found():
    index = CharNgrams(TEXTS, len(TEXTS))
    assert positions(index, "winning")[0] == 0
    assert positions(index, "Norwegia")[0] in (2, 3)
    assert positions(index, "Berggen", 1) == [3]
    assert index.rank(["xyz", ""], 3) == [[], []]


def test_equal_scores_stand_in_the_order_of_positions():
    assert positions(CharNgrams(["same text"] * 5, 5), "same") == [0, 1, 2]


def ngrams(text):
    """By scikit-learn's rule: of each word with a blank at either end; a shorter one is its own n-gram."""
    for word in text.lower().split():
        padded = f" {word} "
        yield padded[:LENGTH]
        yield from (padded[i : i + LENGTH] for i in range(1, len(padded) - LENGTH + 1))


def cosines(texts, query):
    """Derived anew: damped counts times idf, normalised."""
    counted = [Counter(ngrams(text)) for text in texts]
    containing = Counter(gram for counts in counted for gram in counts)

    def weights(counts):
        idf = {gram: math.log((1 + len(texts)) / (1 + containing[gram])) + 1 for gram in counts}
        raw = {gram: (1 + math.log(count)) * idf[gram] for gram, count in counts.items()}
        norm = math.sqrt(sum(weight**2 for weight in raw.values())) or 1.0
        return {gram: weight / norm for gram, weight in raw.items()}

    asked = weights(Counter(ngrams(query)))
    return [sum(asked.get(gram, 0.0) * weight for gram, weight in weights(c).items()) for c in counted]


@given(st.sampled_from(["cup of tea", "Norway", "winner in Oslo", "lies lies too"]))
def test_scores_are_the_cosines(query):
    found = dict(CharNgrams(TEXTS, len(TEXTS)).rank([query], len(TEXTS))[0])
    for position, cosine in enumerate(cosines(TEXTS, query)):
        assert found.get(position, 0.0) == pytest.approx(cosine, abs=1e-5)
