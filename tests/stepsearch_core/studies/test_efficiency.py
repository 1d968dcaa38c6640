import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.studies.efficiency import (
    Needed,
    crossing,
    efficiency,
    final_score,
    geometric_mean,
    mean,
    policy_tokens,
    smoothed,
)
from stepsearch_core.studies.replicates import t_interval
from tests.study_data import outcome, training_log

PRECISION = (2000, 0.95)
NOTHING = {"value": None, "low": None, "high": None, "n": 0, "never": 0}

BASELINE = {0: 0.1, 10: 0.3, 20: 0.5, 30: 0.6, 40: 0.7}
"""Smoothed: .2, .3, .4667, .6, .65; its final score is .6, and it is there at step 30."""
FAST = {0: 0.1, 10: 0.5, 20: 0.9, 30: 0.7, 40: 0.7}
"""Smoothed: .3, .5, .7, .7667, .7; at .6 halfway between steps 10 and 20."""
SLOW = {0: 0.1, 10: 0.2, 20: 0.2, 30: 0.3, 40: 0.3}


def runs(variant, *validations, tokens=None):
    return {
        replicate: outcome(variant, replicate, log=training_log(values, tokens))
        for replicate, values in enumerate(validations)
    }


def test_final_score_is_of_the_last_three_after_the_start():
    assert final_score([(0, 0.0), (10, 0.1), (20, 0.5), (30, 0.6), (40, 0.7)]) == pytest.approx(0.6)
    assert final_score([(0, 0.0), (10, 0.2), (20, 0.4)]) == pytest.approx(0.3)


def test_smoothed_by_hand():
    assert smoothed([(0, 0.0), (5, 0.6), (10, 0.3)]) == [
        (0, pytest.approx(0.3)),
        (5, pytest.approx(0.3)),
        (10, pytest.approx(0.45)),
    ]


@pytest.mark.parametrize(
    ("goal", "step"), [(0.1, 0), (0.2, 0), (0.3, 5), (0.4, 10), (0.45, 25), (0.5, 30), (0.51, None)]
)
def test_the_first_crossing_is_interpolated(goal, step):
    made = crossing([(0, 0.2), (10, 0.4), (20, 0.4), (30, 0.5)], goal)
    assert made == (None if step is None else pytest.approx(step))


def test_what_is_needed_by_hand():
    made = efficiency(runs("step", FAST), runs("plain", BASELINE), *PRECISION)
    assert made["reached"] == {
        "goal": pytest.approx(0.6),
        "trajectories": [pytest.approx(150)],
        "value": pytest.approx(150),
        "low": None,
        "high": None,
        "n": 1,
        "never": 0,
    }
    assert made["ratio"]["value"] == pytest.approx(15 / 30)
    assert made["share"]["value"] == pytest.approx(15 / 40)
    assert made["tokens"] == {"ratio": NOTHING, "share": NOTHING}  # the log counts none


def test_tokens_are_cumulated_between_steps_too():
    longer = dict.fromkeys(range(1, 11), 20.0) | dict.fromkeys(range(11, 41), 40.0)
    run = outcome("step", 0, log=training_log(FAST, longer))
    assert policy_tokens(run, 10) == pytest.approx(10 * 20 * 10)
    assert policy_tokens(run, 12.5) == pytest.approx(2000 + 2.5 * 40 * 10)
    made = efficiency(
        runs("step", FAST, tokens=longer),
        runs("plain", BASELINE, tokens=dict.fromkeys(range(1, 41), 20.0)),
        *PRECISION,
    )
    # 2,000 + 5 * 400 over 30 * 200, and over 40 * 200
    assert made["tokens"]["ratio"]["value"] == pytest.approx(4000 / 6000)
    assert made["tokens"]["share"]["value"] == pytest.approx(4000 / 8000)


def test_replicates_have_goals_of_their_own():
    higher = {step: value + 0.2 for step, value in BASELINE.items()}
    made = efficiency(runs("step", FAST, FAST), runs("plain", BASELINE, higher), *PRECISION)
    # .8 lies above the highest smoothed value of the second
    assert made["reached"]["goal"] == pytest.approx(0.7)
    assert made["reached"]["trajectories"] == [pytest.approx(150), None]
    assert (made["ratio"]["never"], made["ratio"]["n"]) == (1, 2)


def test_ratios_are_averaged_as_logarithms():
    curves = [{step * slower: value for step, value in FAST.items()} for slower in (1, 2, 4)]
    baseline = [BASELINE] * 3
    made = efficiency(runs("step", *curves), runs("plain", *baseline), *PRECISION)["ratio"]
    expected = t_interval(list(np.log([0.5, 1.0, 2.0])), 0.95)
    assert made["value"] == pytest.approx(1.0)
    assert (made["low"], made["high"]) == pytest.approx((np.exp(expected["low"]), np.exp(expected["high"])))


def test_never_leaves_no_mean_no_upper_end_and_a_lower_one_by_the_budget():
    made = efficiency(
        runs("step", FAST, FAST, SLOW), runs("plain", BASELINE, BASELINE, BASELINE), *PRECISION
    )
    assert made["reached"]["trajectories"] == [pytest.approx(150), pytest.approx(150), None]
    for part in (made["reached"], made["ratio"], made["share"]):
        assert (part["value"], part["high"], part["never"], part["n"]) == (None, None, 1, 3)
    # of 27 resamples 8 have the fast ones alone: the percentile is theirs
    assert made["ratio"]["low"] == pytest.approx(0.5)
    assert made["share"]["low"] == pytest.approx(0.375)
    never = efficiency(runs("step", SLOW, SLOW), runs("plain", BASELINE, BASELINE), *PRECISION)
    # at least the whole budget of 40 steps where the baseline needs 30
    assert never["ratio"] == {"value": None, "low": pytest.approx(4 / 3), "high": None, "n": 2, "never": 2}
    assert never["share"]["low"] == pytest.approx(1.0)


def test_one_replicate_that_never_arrives_has_no_interval():
    assert geometric_mean([Needed(1.5, never=True)], *PRECISION) == {
        "value": None, "low": None, "high": None, "n": 1, "never": 1
    }  # fmt: skip


def test_amounts_do_not_fall_below_0():
    made = mean([Needed(1.0), Needed(9.0)], *PRECISION)
    assert (made["value"], made["low"]) == (5.0, 0.0)
    assert made["high"] > 9


def test_what_is_reached_at_once_takes_a_step():
    above = dict.fromkeys(BASELINE, 0.9)
    made = efficiency(runs("step", above), runs("plain", BASELINE), *PRECISION)
    assert made["reached"]["trajectories"] == [10]
    assert made["ratio"]["value"] == pytest.approx(1 / 30)


def test_too_few_validations_and_replicates_of_one_side_are_left_out():
    made = efficiency(runs("step", {0: 0.1, 40: 0.9}, FAST), runs("plain", BASELINE), *PRECISION)
    assert made["reached"] == {"goal": None, "trajectories": [], **NOTHING}
    assert made["ratio"] == made["share"] == NOTHING
    assert efficiency(runs("step", FAST), {}, *PRECISION)["ratio"] == NOTHING


CURVES = st.lists(st.floats(0, 1), min_size=3, max_size=9).map(
    lambda values: {5 * place: value for place, value in enumerate(values)}
)


@given(st.lists(CURVES, min_size=1, max_size=4))
def test_a_curve_needs_what_it_needs_itself(validations):
    made = efficiency(runs("plain", *validations), runs("plain", *validations), 100, 0.95)
    assert made["ratio"]["value"] == pytest.approx(1.0)
    assert (made["ratio"]["never"], made["ratio"]["n"]) == (0, len(validations))
    assert 0 < made["share"]["value"] <= 1


@given(CURVES, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_goal_is_never_reached_earlier(validation, goal, other):
    points = smoothed(list(validation.items()))
    lower, higher = (crossing(points, value) for value in sorted((goal, other)))
    assert higher is None or (lower is not None and lower <= higher + 1e-9)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=5))
def test_exchanging_the_sides_of_a_ratio_inverts_it(ratios):
    one = geometric_mean([Needed(ratio) for ratio in ratios], *PRECISION)
    other = geometric_mean([Needed(1 / ratio) for ratio in ratios], *PRECISION)
    assert [one["value"], one["low"], one["high"]] == pytest.approx(
        [1 / other["value"], 1 / other["high"], 1 / other["low"]], rel=1e-6
    )


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=5), st.floats(1, 100))
def test_the_lower_end_holds_however_late_what_was_not_reached_comes(ratios, later):
    """The percentile with the true amount in place of the budget is no lower."""
    censored = [*(Needed(ratio) for ratio in ratios[1:]), Needed(ratios[0], never=True)]
    also_later = [*censored[:-1], Needed(ratios[0] * later, never=True)]
    low = geometric_mean(censored, 200, 0.95)["low"]
    assert low <= geometric_mean(also_later, 200, 0.95)["low"] * (1 + 1e-9)
