from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stepsearch_core.evaluation.significance import FLIPS, compare_pairs, holm, sign_flip_p
from stepsearch_core.params import EvaluateParams
from tests.report_data import record_of

PARAMS = EvaluateParams(benchmarks=["musique", "bamboogle"], bootstrap_samples=200)


def close(p):
    """Within 5 standard errors of a two-sided p-value that is estimated from one tail."""
    tail = p / 2
    return pytest.approx(p, abs=2 * 5 * np.sqrt(tail * (1 - tail) / FLIPS))


def test_values_by_hand():
    # four questions to one side: of 16 ways to give signs, two are as far from 0
    assert sign_flip_p([[1.0, 1.0, 1.0, 1.0]], 0) == close(2 / 16)
    assert sign_flip_p([[1.0, -1.0]], 0) == 1.0
    assert sign_flip_p([[0.5, -0.25, 0.0], [0.0, 0.0]], 0) == close(1.0)  # 4 of 4


def test_exact_matches_are_mcnemars_exact_test():
    flips = [1.0] * 31 + [-1.0] * 14 + [0.0] * 55
    expected = stats.binomtest(14, 45).pvalue
    assert 0.01 < expected < 0.05
    assert sign_flip_p([flips], 0) == close(expected)


def test_scores_between_0_and_1_as_scipys_permutation_test_has_them():
    values = np.random.default_rng(4).normal(0.25, 0.5, 11)
    exact = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**11)
    assert 0.05 < exact.pvalue < 0.5
    assert sign_flip_p([list(values)], 0) == close(exact.pvalue)


def test_benchmarks_weigh_the_same_whatever_their_size():
    """Against all 2^9 ways to give signs."""
    one, other = np.array([-0.9, -0.3]), np.array([0.3, 0.5, 0.4, 0.6, 0.2, 0.5, 0.3])
    means = [
        (one * signs[:2]).mean() + (other * signs[2:]).mean()
        for signs in map(np.array, product((-1, 1), repeat=9))
    ]
    expected = np.mean(np.abs(means) >= abs(one.mean() + other.mean()) - 1e-12)
    pooled = sign_flip_p([[*one, *other]], 0)
    assert sign_flip_p([list(one), list(other)], 0) == close(expected)
    assert pooled is not None
    assert abs(pooled - expected) > 0.1


@pytest.mark.parametrize(("groups", "p"), [([], None), ([[], [None]], None), ([[0.0, 0.0], [None]], 1.0)])
def test_without_a_difference(groups, p):
    assert sign_flip_p(groups, 0) == p


def test_without_an_effect_a_twentieth_is_below_a_twentieth():
    rng = np.random.default_rng(7)
    found = [sign_flip_p([list(rng.choice([-1.0, 0.0, 0.5, 1.0, -0.5], 25))], 0) for _ in range(250)]
    below = np.mean([p is not None and p < 0.05 for p in found])
    assert 0.01 < below < 0.09  # .05 within three standard errors of .014


def test_a_seed_gives_the_same_p_value():
    values = [[0.5, 0.25, -0.5, 1.0, 0.75, -0.25, 0.5]]
    assert sign_flip_p(values, 1) == sign_flip_p(values, 1) != sign_flip_p(values, 2)


def test_holm_by_hand():
    # .005 counts four times, .01 three times; .03 twice is .06, which .04 once does not undercut
    assert holm([0.01, 0.04, None, 0.03, 0.005]) == pytest.approx([0.03, 0.06, None, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([None]) == [None]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_by_bonferroni(p_values):
    """A hypothesis is rejected if every intersection with it is: the largest p-value over all of them."""
    places = range(len(p_values))
    subsets = [subset for size in places for subset in combinations(places, size + 1)]
    expected = [
        max(
            min(1.0, len(subset) * min(p_values[i] for i in subset)) for subset in subsets if place in subset
        )
        for place in places
    ]
    assert holm(p_values) == pytest.approx(expected)


def rows(benchmark, f1s, first=0):
    return [record_of(n, benchmark, f1=f1, em=float(f1 == 1)) for n, f1 in enumerate(f1s, start=first)]


RECORDS = {
    "warmstart": {"musique": rows("musique", [0.0, 0.5, 0.0, 0.0]), "bamboogle": rows("bamboogle", [1, 0])},
    "trained": {"musique": rows("musique", [1, 1, 1, 0.0]), "bamboogle": rows("bamboogle", [1, 1])[::-1]},
    "gold_keys": {"musique": rows("musique", [1, 1], first=2), "bamboogle": []},
}


def test_every_pair_by_hand():
    made = compare_pairs(RECORDS, PARAMS, seed=0)
    assert list(made) == ["trained - warmstart", "gold_keys - warmstart", "gold_keys - trained"]
    first = made["trained - warmstart"]
    assert (first["musique"]["f1"]["value"], first["musique"]["f1"]["n"]) == (2.5 / 4, 4)
    assert (first["mean"]["f1"]["value"], first["mean"]["f1"]["n"]) == ((2.5 / 4 + 0.5) / 2, 6)
    assert first["mean"]["em"]["value"] == (3 / 4 + 1 / 2) / 2
    assert first["musique"]["em"]["p"] == close(2 / 8)
    ceiling = made["gold_keys - trained"]
    assert (ceiling["musique"]["f1"]["value"], ceiling["musique"]["f1"]["n"]) == (
        0.5,
        2,
    )  # on what both have
    nothing = dict.fromkeys(("value", "low", "high", "p", "p_holm"))
    assert ceiling["bamboogle"]["f1"] == {**nothing, "n": 0}
    assert ceiling["mean"]["f1"] == ceiling["musique"]["f1"]


def test_correction_is_over_the_pairs_of_a_column():
    made = compare_pairs(RECORDS, PARAMS, seed=0)
    for column, key in product(("musique", "bamboogle", "mean"), ("f1", "em")):
        cells = [columns[column][key] for columns in made.values()]
        assert [cell["p_holm"] for cell in cells] == holm([cell["p"] for cell in cells])
