import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.evaluation.bootstrap import stratified_mean_interval
from stepsearch_core.studies import two_levels
from stepsearch_core.studies.two_levels import estimate


def column(*values):
    """A table of one measure."""
    return np.array(values, dtype=np.float64)[:, None]


def one_cell(replicates, samples=1000, confidence=0.95, seed=0):
    """Value and bounds of one benchmark and measure."""
    made = estimate([[column(*values)] for values in replicates], samples, confidence, seed)
    return made.value[0, 0], made.low[0, 0], made.high[0, 0]


def by_a_loop(replicates, samples, seed):
    """The interval of the mean over benchmarks by a plain loop over resamples, replicates and benchmarks."""
    rng = np.random.default_rng(seed)
    resampled = []
    for _ in range(samples):
        scores = []
        for drawn in rng.integers(len(replicates), size=len(replicates)):
            of_benchmarks = [rng.choice(values, len(values)).mean() for values in replicates[drawn]]
            scores.append(np.mean(of_benchmarks))
        resampled.append(np.mean(scores))
    return np.quantile(resampled, [0.025, 0.975])


def test_values_by_hand():
    tables = [
        [np.array([[1.0, 4.0], [0.0, np.nan]]), np.array([[1.0, 2.0]])],
        [np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 3.0]])],
    ]
    made = estimate(tables, 100, 0.95, 0)
    assert made.means[0] == pytest.approx(np.array([[0.5, 4.0], [1.0, 2.0], [0.75, 3.0]]))
    assert made.means[1] == pytest.approx(np.array([[1.0, 0.5], [0.0, 3.0], [0.5, 1.75]]))
    assert made.value == pytest.approx(np.array([[0.75, 2.25], [0.5, 2.5], [0.625, 2.375]]))


@pytest.mark.slow
def test_agrees_with_a_loop_over_resamples():
    rng = np.random.default_rng(4)
    replicates = [
        [rng.normal(shift, 1, 30), rng.normal(5 - 3 * shift, 3, 12)] for shift in (0.0, 0.6, -0.4, 0.1)
    ]
    made = estimate([[column(*values) for values in tables] for tables in replicates], 6000, 0.95, 0)
    low, high = by_a_loop(replicates, 6000, seed=1)
    # two estimates of a 2.5% quantile from 6,000 resamples lie .05 standard errors apart: allow 4 of these
    tolerance = 0.2 * (high - low) / 3.92
    assert made.low[-1, 0] == pytest.approx(low, abs=tolerance)
    assert made.high[-1, 0] == pytest.approx(high, abs=tolerance)


def test_resampled_variance_is_that_of_both_levels():
    """Of the replicates' means over R, as numbers to draw from, and of the questions' over R times Q."""
    rng = np.random.default_rng(6)
    tables = rng.normal(rng.normal(0, 0.5, 6)[:, None], 1.0, (6, 40))
    _, low, high = one_cell(tables, 20_000)
    variance = tables.mean(axis=1).var() / 6 + tables.var(axis=1).mean() / 40 / 6
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.05)


def coverage(spread, studies=200):
    """How often intervals hold a true mean of 0: those of two levels, and those over questions alone."""
    rng = np.random.default_rng(12)
    held = {"two levels": 0, "questions": 0}
    for number in range(studies):
        tables = rng.normal(rng.normal(0, spread, 8)[:, None], 1.0, (8, 50))
        _, low, high = one_cell(tables, 400, 0.95, number)
        held["two levels"] += low <= 0 <= high
        within = stratified_mean_interval(tables.tolist(), 400, 0.95, number)
        assert within.low is not None
        assert within.high is not None
        held["questions"] += within.low <= 0 <= within.high
    return {name: count / studies for name, count in held.items()}


@pytest.mark.slow
def test_covers_the_truth_where_questions_alone_do_not():
    varied = coverage(spread=0.2)  # training varies 1.4 times as much as a mean by its 50 questions
    # .95 within three standard errors of .015
    assert 0.90 <= varied["two levels"] <= 0.995
    assert varied["questions"] < 0.80


def test_one_replicate_has_an_interval_over_its_questions():
    values = np.random.default_rng(2).normal(0, 1, 100)
    _, low, high = one_cell([values], 4000)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 10, rel=0.06)


def test_equal_values_have_no_width_and_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert one_cell([[0.25] * 4, [0.25] * 4]) == pytest.approx((0.25, 0.25, 0.25))
        assert np.isnan(one_cell([[np.nan] * 3, [np.nan] * 2])).all()


def test_what_is_undefined_is_left_out():
    nan = np.nan
    value, low, high = one_cell([[1.0, nan, 0.0, nan], [nan, 1.0, 1.0, 1.0], [nan, nan, nan, nan]])
    assert value == pytest.approx(0.75)
    assert 0 <= low < 0.75 < high <= 1


def test_a_benchmark_that_was_not_asked_leaves_the_replicate_without_a_mean():
    nothing = np.empty((0, 1))
    made = estimate([[column(1.0, 1.0), column(0.0)], [column(0.0, 0.0), nothing]], 400, 0.95, 0)
    assert made.value[:, 0] == pytest.approx([0.5, 0.0, 0.5])
    assert np.isfinite(made.means[:, :, 0]).tolist() == [[True, True, True], [True, False, False]]
    alone = estimate([[column(1.0), nothing]], 100, 0.95, 0)
    assert np.isnan(alone.value[1:, 0]).all()


def test_a_measure_that_a_benchmark_does_not_define_leaves_the_mean_to_the_others():
    made = estimate([[column(1.0, 0.0), column(np.nan, np.nan)]], 400, 0.95, 0)
    assert made.value[:, 0][[0, 2]] == pytest.approx([0.5, 0.5])


def test_the_mean_over_benchmarks_draws_the_same_replicates_for_all():
    """Replicates that are good on one are good on the other: the mean varies as much as either."""
    tables = [[column(*[score] * 5), column(*[score] * 9)] for score in (0.1, 0.4, 0.9)]
    made = estimate(tables, 3000, 0.95, 0)
    assert made.low[2, 0] == pytest.approx(made.low[0, 0])
    assert made.high[2, 0] == pytest.approx(made.high[1, 0])


def test_parts_make_no_difference_but_of_the_draws(monkeypatch):
    rng = np.random.default_rng(3)
    replicates = [rng.random(40) for _ in range(3)]
    whole = one_cell(replicates, 4000)
    monkeypatch.setattr(two_levels, "BATCH_VALUES", 1000)
    in_parts = one_cell(replicates, 4000)
    assert in_parts == pytest.approx(whole, abs=0.25 * (whole[2] - whole[1]) / 3.92)


REPLICATES = st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=6), min_size=1, max_size=4)


@given(REPLICATES, st.floats(-5, 5))
def test_a_constant_shifts_value_and_bounds(replicates, constant):
    shifted = [[value + constant for value in values] for values in replicates]
    assert one_cell(shifted, 200) == pytest.approx([end + constant for end in one_cell(replicates, 200)])


@pytest.mark.slow
@given(REPLICATES, st.randoms(use_true_random=False))
def test_order_does_not_matter_to_the_value_nor_more_than_draws_to_the_bounds(replicates, random):
    other = [random.sample(values, len(values)) for values in random.sample(replicates, len(replicates))]
    value = one_cell(replicates, 2000)[0]
    other_value, other_low, other_high = one_cell(other, 2000)
    assert other_value == pytest.approx(value)
    # a tail of .025 within five standard errors: one interval's bounds lie within the other's wider ones
    widest, narrowest = one_cell(replicates, 2000, 0.985), one_cell(replicates, 2000, 0.90)
    rounding = 1e-9
    assert widest[1] - rounding <= other_low <= narrowest[1] + rounding
    assert narrowest[2] - rounding <= other_high <= widest[2] + rounding
