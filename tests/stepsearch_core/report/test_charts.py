import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.report.charts import axis, interval_chart, line_chart, round_ticks, tick_label


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (0.03, 0.77, [0, 0.2, 0.4, 0.6, 0.8]),
        (-0.2, 0.6, [-0.2, 0, 0.2, 0.4, 0.6]),
        (1, 100, [0, 25, 50, 75, 100]),
        (2, 2, [2, 2.5, 3, 3.5, 4]),
    ],
)
def test_round_ticks(low, high, ticks):
    assert round_ticks(low, high) == pytest.approx(ticks)


@given(st.floats(-1e6, 1e6), st.floats(1e-15, 1e6))
def test_ticks_cover_the_range_with_few_gaps(low, span):
    ticks = round_ticks(low, low + span)
    slack = 1e-5 * (ticks[1] - ticks[0])
    assert len(set(ticks)) == len(ticks)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + span - slack
    assert 2 <= len(ticks) <= 7


def test_steps_are_whole_numbers():
    assert round_ticks(0, 3, 5, whole=True) == [0, 1, 2, 3]
    assert round_ticks(1, 13, 5, whole=True) == [0, 5, 10, 15]


def test_close_ticks_have_different_labels():
    assert [tick.label for tick in axis(6.05475, 6.05485, 0, 1).ticks][:2] == ["6.05475", "6.054775"]


def test_axis_is_linear_between_its_ends():
    scale = axis(0, 1, 100, 200)
    assert (scale.place(0), scale.place(0.5), scale.place(1)) == (100, 150, 200)
    upside_down = axis(0, 1, 170, 10)
    assert (upside_down.place(0), upside_down.place(1)) == (170, 10)


@pytest.mark.parametrize(
    ("value", "label"), [(0.25, "0.25"), (-1.0, "−1"), (1500, "1.5k"), (1e-05, "1e−05")]
)
def test_tick_label(value, label):
    assert tick_label(value) == label


def test_line_chart_places_points_and_keeps_values_for_reading():
    chart = line_chart(
        "f1", "F1", "", raw=[(0, 0.0), (10, 1.0)], smooth=[(0, 0.0), (10, 0.5)], marks=[(10, 0.75)]
    )
    assert chart.raw == "46,170 330,10"
    assert chart.smooth == "46,170 330,90"
    assert chart.marks == ((330, 50),)
    assert chart.data == {"points": [[0, 0.0, 0.0, 46, 170], [10, 1.0, 0.5, 330, 90]], "marks": [[10, 0.75]]}
    assert chart.summary == "0 → 0.5"


def test_a_single_step_makes_a_chart():
    chart = line_chart("f1", "F1", "", raw=[(1, 0.5)], smooth=[(1, 0.5)])
    assert chart.raw == "46,143.3"  # ticks from 0.4 to 1
    assert chart.dot == (46, 143.3)
    assert line_chart("f1", "F1", "", raw=[(1, 0.5)] * 2, smooth=[(1, 0.5)] * 2).dot is None


def test_interval_chart_starts_at_zero():
    chart = interval_chart([("Mean", [("trained", 0.5, 0.25, 1.0, "Trained: 0.5")])])
    (span,) = chart.spans
    assert chart.x.ticks[0].position == 110
    assert span.low < span.center < span.high == 690


def test_a_chart_of_no_interval_has_an_axis_alone():
    chart = interval_chart([("MuSiQue", [])])
    assert chart.spans == ()
    assert [tick.label for tick in chart.groups] == ["MuSiQue"]
