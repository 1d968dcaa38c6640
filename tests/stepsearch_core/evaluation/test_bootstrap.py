import warnings

import numpy as np
import pytest

from stepsearch_core.evaluation.bootstrap import (
    Interval,
    differences,
    stratified_mean_interval,
)


def mean_interval(values, *settings):
    """Of one benchmark alone."""
    return stratified_mean_interval([values], *settings)


def bounds(interval: Interval) -> tuple[float, float]:
    """Of an interval that has some."""
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def independent_interval(groups, samples, seed):
    """The same interval by a plain loop over resamples."""
    rng = np.random.default_rng(seed)
    means = [np.mean([rng.choice(group, len(group)).mean() for group in groups]) for _ in range(samples)]
    return np.quantile(means, [0.025, 0.975])


@pytest.mark.parametrize("sizes", [(80,), (80, 40, 9)])
def test_agrees_with_a_loop_over_resamples(sizes):
    rng = np.random.default_rng(3)
    groups = [rng.random(size) ** 2 for size in sizes]
    interval = stratified_mean_interval([list(group) for group in groups], 6000, 0.95, seed=0)
    low, high = independent_interval(groups, 6000, seed=1)
    assert interval.value == pytest.approx(np.mean([group.mean() for group in groups]), abs=1e-12)
    assert interval.n == sum(sizes)
    # Monte-Carlo error of a 2.5% quantile at 6,000 resamples is about .035 standard errors each: allow 5 of
    # them
    tolerance = 0.25 * (high - low) / 3.92
    assert interval.low == pytest.approx(low, abs=tolerance)
    assert interval.high == pytest.approx(high, abs=tolerance)


def test_stratified_width_is_that_of_the_sum_of_the_groups_variances():
    rng = np.random.default_rng(5)
    groups = [
        rng.normal(0, 1, 400),
        rng.normal(5, 3, 200),
    ]  # pooling would let the distance between groups in
    standard_error = np.sqrt(sum(group.var() / len(group) for group in groups)) / 2
    low, high = bounds(stratified_mean_interval([list(group) for group in groups], 4000, 0.95, seed=0))
    assert high - low == pytest.approx(2 * 1.96 * standard_error, rel=0.06)


def test_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(11)
    samples = [list(rng.exponential(1.0, 60)) for _ in range(300)]
    intervals = [bounds(mean_interval(values, 400, 0.90, seed)) for seed, values in enumerate(samples)]
    covered = np.mean([low <= 1.0 <= high for low, high in intervals])
    # percentile intervals of a skewed sample of 60 fall a little short of .90
    assert 0.82 <= covered <= 0.94


def test_the_seed_decides():
    values = list(np.random.default_rng(0).random(50))
    assert mean_interval(values, 500, 0.95, 1) == mean_interval(values, 500, 0.95, 1)
    assert mean_interval(values, 500, 0.95, 1) != mean_interval(values, 500, 0.95, 2)


@pytest.mark.parametrize("values", [[0.0] * 20, [0.1] * 7, [1.0], [None, 0.3, None]])
def test_equal_values_have_no_width_and_warn_of_nothing(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interval = mean_interval(values, 200, 0.95, 0)
    expected = next(v for v in values if v is not None)
    assert interval.low == interval.value == interval.high == pytest.approx(expected)
    assert interval.n == sum(v is not None for v in values)


def test_undefined_values_are_left_out():
    assert mean_interval([1.0, None, 0.0, None], 200, 0.95, 0).value == 0.5
    assert (
        mean_interval([None, None], 200, 0.95, 0)
        == mean_interval([], 200, 0.95, 0)
        == Interval(None, None, None, 0)
    )


def test_each_group_weighs_the_same_and_groups_without_values_are_left_out():
    interval = stratified_mean_interval([[1.0] * 90, [0.0] * 10, [None, None]], 200, 0.95, 0)
    assert (interval.value, interval.low, interval.high, interval.n) == (0.5, 0.5, 0.5, 100)


def test_a_group_of_one_question_stands_beside_others():
    interval = stratified_mean_interval([[1.0], [0.0, 1.0, 0.0, 1.0]], 500, 0.95, 0)
    assert interval.value == 0.75
    low, high = bounds(interval)
    assert 0.5 <= low < high <= 1.0


def test_differences_are_paired_by_question():
    after, before = {"a": 1.0, "b": 0.5, "c": None}, {"c": 0.0, "b": 0.5, "a": 0.25}
    assert differences(after, before) == [0.75, 0.0, None]
    assert mean_interval(differences(after, before), 200, 0.95, 0).value == pytest.approx(0.375)


def test_pairing_narrows_the_interval():
    rng = np.random.default_rng(2)
    before = {str(i): value for i, value in enumerate(rng.random(200))}
    after = {key: value + 0.1 for key, value in before.items()}
    interval = mean_interval(differences(after, before), 500, 0.95, 0)
    assert interval.low == pytest.approx(0.1)
    assert interval.high == pytest.approx(0.1)


def test_unpaired_questions_are_an_error_that_names_one():
    with pytest.raises(ValueError, match="1 questions are only on one side of the comparison, 'b' first"):
        differences({"a": 1.0}, {"a": 1.0, "b": 0.0})
