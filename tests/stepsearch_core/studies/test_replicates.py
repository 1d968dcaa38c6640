import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stepsearch_core.evaluation.significance import holm
from stepsearch_core.studies.replicates import (
    correct,
    detectable,
    detectable_effect,
    paired_t_p,
    t_interval,
    t_test,
)


def test_t_interval_by_hand():
    # mean 4, standard deviation 2, t of 2 degrees of freedom at .975 is 4.3027
    made = t_interval([2.0, 4.0, 6.0], 0.95)
    half = 4.3027 * 2 / np.sqrt(3)
    assert made == {
        "value": 4.0,
        "low": pytest.approx(4 - half, abs=1e-3),
        "high": pytest.approx(4 + half, abs=1e-3),
        "n": 3,
    }


def test_one_replicate_and_none_have_no_interval():
    assert t_interval([0.5], 0.95) == {"value": 0.5, "low": None, "high": None, "n": 1}
    assert t_interval([], 0.95) == {"value": None, "low": None, "high": None, "n": 0}


def test_t_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(1)
    made = [t_interval(list(rng.normal(0, 1, 3)), 0.9) for _ in range(1000)]
    covered = np.mean([one["low"] <= 0 <= one["high"] for one in made])
    assert covered == pytest.approx(0.9, abs=0.03)  # three standard errors


def test_paired_t_test_by_hand():
    # t = 2 / (1 / sqrt(3)) = 3.4641 with 2 degrees of freedom
    assert paired_t_p([1.0, 2.0, 3.0]) == pytest.approx(2 * stats.t.sf(3.4641016, 2))
    assert paired_t_p([1.0, 2.0, 3.0]) == pytest.approx(0.0742, abs=1e-4)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=8, unique=True), st.floats(0.01, 0.5))
def test_the_test_finds_what_the_interval_excludes(thousandths, level):
    differences = [number / 1000 for number in thousandths]
    p, interval = paired_t_p(differences), t_interval(differences, 1 - level)
    assert p is not None
    if abs(p - level) > 1e-9:
        assert (p < level) == (not interval["low"] <= 0 <= interval["high"])


@pytest.mark.parametrize(
    ("differences", "p"),
    [([], None), ([0.2], None), ([0.0, 0.0], 1.0), ([0.1, 0.1, 0.1], None), ([0.3 - 0.2, 0.1], None)],
)
def test_too_few_or_equal_differences(differences, p):
    assert paired_t_p(differences) == p
    assert detectable(differences, 0.05) is None


@pytest.mark.parametrize(
    ("n", "level", "effect"),
    [
        (2, 0.05, 11.549889754978167),
        (3, 0.05, 3.264043552819638),
        (5, 0.05, 1.6819970833232674),
        (5, 0.01, 2.6289740837721873),
        (8, 0.05, 1.156035271959959),
        (20, 0.05, 0.6604416544380312),
    ],
)
def test_detectable_effects_are_those_of_statsmodels(n, level, effect):
    """`TTestPower().solve_power(nobs=n, alpha=level, power=0.8)` of statsmodels 0.15.0."""
    assert detectable_effect(n, level) == pytest.approx(effect, rel=2e-6)


def test_what_is_detectable_is_found_in_80_of_100_studies():
    """Also where statsmodels' root does not converge: 2 replicates at .01, where it says 10."""
    rng = np.random.default_rng(0)
    for n, level in ((2, 0.01), (3, 0.01), (4, 0.05)):
        differences = rng.normal(detectable_effect(n, level), 1, (40_000, n))
        found = stats.ttest_1samp(differences, 0, axis=1).pvalue < level
        assert found.mean() == pytest.approx(0.8, abs=0.008)  # four standard errors


def test_detectable_is_the_effect_in_units_of_the_differences():
    assert detectable([0.1, 0.3, 0.5], 0.05) == pytest.approx(0.2 * detectable_effect(3, 0.05))


def test_what_is_tested_and_corrected_together():
    samples = ([0.1, 0.2, 0.15, 0.3], [0.1, -0.2, 0.1, 0.0], [0.5])
    cells = [t_test(values, 0.95) for values in samples]
    assert [cell["p"] for cell in cells] == [paired_t_p(values) for values in samples]
    correct(cells)
    assert [cell["p_holm"] for cell in cells] == holm([cell["p"] for cell in cells])
    assert cells[2] == {"p": None, "p_holm": None, "detectable": None}
