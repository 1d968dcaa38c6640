from stepsearch_core.studies.intervals import difference_rows, ratio_rows, score_rows
from tests.stepsearch_core.studies.analysis_example import HOPS, make_analysis, make_hops, needed


def test_differences_stand_beside_zero():
    chart = difference_rows(make_analysis())
    ((label, mark, bars),) = chart.groups
    assert label == ""
    assert [tick.label for tick in chart.ticks] == ["−0.05", "−0.025", "0", "0.025", "0.05"]
    assert mark == 50
    assert bars[0].text == "+0.025 (+0.005 to +0.045)"
    assert (bars[0].low, bars[0].at, bars[0].high) == (55, 75, 95)


def test_scores_stand_beside_the_baselines():
    chart = score_rows(make_hops())
    assert [label for label, _, _ in chart.groups] == list(HOPS.values())
    assert all(mark == bars[1].at for _, mark, bars in chart.groups)
    assert [bar.label for bar in chart.groups[0][2]] == ["StePPO", "Outcome PPO"]


def test_one_replicate_is_a_point_without_an_interval():
    analysis = make_analysis()
    analysis["scores"][""]["steppo"]["mean"]["f1"] |= {"low": None, "high": None}
    bar = score_rows(analysis).groups[0][2][0]
    assert bar.low == bar.at == bar.high
    assert bar.text == "0.440"


def test_without_differences_nothing_is_drawn():
    assert difference_rows(make_analysis(differences={"": {}})).groups == ()


def test_ratios_stand_beside_1():
    ((_, mark, bars),) = ratio_rows(make_analysis()).groups
    steppo, grpo, rloo, _ = bars
    assert mark is not None
    assert steppo.high < mark
    assert steppo.text == "0.60 (0.45 to 0.75)"
    assert (grpo.at, grpo.high, grpo.text) == (None, 100, "– (0.85 or more; never in 1 of 5)")
    assert rloo.low > mark


def test_long_lines_of_ratios_end_at_the_edge():
    analysis = make_analysis()
    analysis["efficiency"][""]["steppo"]["ratio"] = needed(5.0, 4.5, 0)
    chart = ratio_rows(analysis)
    assert chart.ticks[-1].label == "3"
    assert (chart.groups[0][2][0].at, chart.groups[0][2][0].high) == (100, 100)


def test_what_was_never_validated_has_no_ratio():
    nothing = {"value": None, "low": None, "high": None, "n": 0, "never": 0}
    analysis = make_analysis(efficiency={"": {"steppo": {"ratio": nothing}, "ppo": {"ratio": nothing}}})
    assert ratio_rows(analysis).groups == ()
