import math

import pytest

from stepsearch_core.report.curves import DIAGNOSTICS, PAPER_CURVES, charts, diagnostics, smoothed
from stepsearch_core.report.inputs import read_inputs


def test_smoothing_by_hand():
    # .8/.2 average corrected for its start: 1; (.16 * 1 + .2 * 2) / .36; (.128 * 1 + .16 * 2 + .2 * 4) /
    # .488
    values = [value for _, value in smoothed([(1, 1.0), (2, 2.0), (3, 4.0)])]
    assert values == pytest.approx([1.0, 0.56 / 0.36, 1.248 / 0.488])


def test_a_constant_stays_what_it_is():
    assert [value for _, value in smoothed([(step, 0.3) for step in range(5)])] == pytest.approx([0.3] * 5)


def test_the_four_curves_of_the_paper(data):
    found = charts(read_inputs(data).training.log, PAPER_CURVES)
    assert [chart.key for chart in found] == ["f1", "response_length", "reward/search_key", "searches"]
    assert found[0].data["marks"] == [[4, 0.75]]


def test_rewards_of_one_s_own_have_curves_after_the_others():
    log: list[dict] = [{"step": 1, "entropy": 2.0}, {"step": 2, "reward/terms/own:penalty": -0.5}]
    [entropy, own] = charts(log, diagnostics(log))
    assert entropy.key == "entropy"
    assert (own.key, own.title) == ("reward/terms/own:penalty", "penalty")
    assert diagnostics(log[:1]) == DIAGNOSTICS


def test_values_that_are_no_numbers_are_left_out():
    log: list[dict] = [
        {"step": 1, "f1": math.nan},
        {"step": 2, "f1": None},
        {"step": 3, "f1": 0.5},
        {"step": 4},
    ]
    assert charts(log, PAPER_CURVES)[0].data["points"][0][:2] == [3, 0.5]


def test_a_column_without_values_has_no_chart(data):
    assert charts(read_inputs(data).training.log, DIAGNOSTICS) == []
