from itertools import combinations

import pytest

from stepsearch_core.studies.charts import (
    TONES,
    band_chart,
    curve_charts,
    tones,
)
from tests.stepsearch_core.studies.analysis_example import (
    METHODS,
    make_ablation,
    make_analysis,
)


def test_no_two_of_nine_variants_look_alike():
    shown = tones(make_ablation())
    assert len(shown) == 9
    assert all(shown[one] != shown[other] for one, other in combinations(shown, 2))
    assert shown["full"] == "of-baseline"


def test_tones_begin_again_after_the_last():
    names = ["b", *map(str, range(TONES + 1))]
    shown = tones({"baseline": "b", "variants": [{"name": name} for name in names]})
    assert shown["0"] == shown[str(TONES)] == "of-0"


def test_the_papers_curves_come_first():
    main, others = curve_charts(make_analysis(), "")
    assert [chart.key for chart in main] == [
        *("/validation/f1", "/f1", "/response_length", "/reward/search_key")
    ]
    assert [chart.key for chart in others] == [
        *("/searches", "/redundancy", "/support_recall", "/kl_reference")
    ]
    assert main[0].title == "F1, validation questions"


def test_lines_lie_where_their_values_are():
    analysis = make_analysis()
    points = [
        {"step": 0, "trajectories": 0, "mean": 0.0, "low": None, "high": None, "n": 1},
        {"step": 4, "trajectories": 100, "mean": 0.5, "low": 0.25, "high": 1.0, "n": 2},
        {"step": 8, "trajectories": 200, "mean": 0.5, "low": 0.5, "high": 0.5, "n": 2},
    ]
    analysis["curves"][""] = {"ppo": {"validation/f1": points}, "steppo": {"validation/f1": points[:1]}}
    chart = band_chart(analysis, "", "validation/f1")
    after, before = chart.lines  # the baseline, above it the subject
    assert (after.variant, before.variant) == ("ppo", "steppo")
    assert after.mean == "46,170 188,90 330,90"
    assert after.band == "188,130 330,90 330,90 188,10"
    assert before.dot == (46, 170)
    assert chart.data["ppo"] == [
        [0, 0.0, None, None, 46, 170],
        [100, 0.5, 0.25, 1.0, 188, 90],
        [200, 0.5, 0.5, 0.5, 330, 90],
    ]
    assert chart.summary == "Outcome PPO 0.5; StePPO 0.0"


def test_curves_of_training_are_moving_averages():
    analysis = make_analysis()
    points = [
        {"step": step, "trajectories": step, "mean": value, "low": value, "high": value, "n": 3}
        for step, value in ((1, 0.0), (2, 0.9))
    ]
    analysis["curves"][""] = {"ppo": {"f1": points}}
    data = band_chart(analysis, "", "f1").data["ppo"]
    assert data[1][1:4] == [pytest.approx(0.9 * 0.2 / 0.36)] * 3  # (.8 * 0 + .2 * .9) / (1 - .8 ** 2)


def test_a_variant_without_a_curve_has_no_line():
    analysis = make_analysis()
    analysis["curves"][""]["rloo"] = {}
    assert len(band_chart(analysis, "", "f1").lines) == len(METHODS) - 1
    assert curve_charts(analysis | {"curves": {"": {}}}, "") == ([], [])
