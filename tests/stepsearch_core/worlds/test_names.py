import random
from itertools import combinations

import pytest

from stepsearch_core.worlds import names

LISTS = {name: value for name, value in vars(names).items() if name.isupper()}


@pytest.mark.parametrize("name", LISTS)
def test_parts_are_single_plain_words_and_distinct(name):
    words = LISTS[name]
    assert len(set(words)) == len(words)
    assert all(word.isalpha() and word.istitle() for word in words)


def test_lists_are_disjoint_so_that_a_word_tells_the_kind():
    for (left, left_words), (right, right_words) in combinations(LISTS.items(), 2):
        assert not set(left_words) & set(right_words), (left, right)


def test_pair_names_are_unique_and_use_every_combination():
    drawn = names.pair_names(["A", "B"], ["C", "D"], 4, random.Random(0), "people")
    assert sorted(drawn) == ["A C", "A D", "B C", "B D"]


def test_too_many_names_are_an_error_that_says_how_many_there_are():
    with pytest.raises(ValueError, match="at most 4 people, 5 were asked for"):
        names.pair_names(["A", "B"], ["C", "D"], 5, random.Random(0), "people")
    with pytest.raises(ValueError, match="at most 32 countries"):
        names.country_names(33, random.Random(0))


def test_a_fifth_of_the_cities_has_one_word():
    drawn = names.city_names(50, random.Random(0))
    assert len(set(drawn)) == 50
    assert sum(" " not in name for name in drawn) == 10
