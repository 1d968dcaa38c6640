import pytest

from stepsearch_core.studies.headline import describe, findings
from tests.stepsearch_core.studies.analysis_example import (
    difference,
    make_ablation,
    make_analysis,
    make_hops,
    needed,
)


def found(value, /, half=0.02, p=0.01, **ratio):
    """The finding of a study whose subject differs by `value`."""
    analysis = make_analysis()
    analysis["differences"][""]["steppo"]["mean"]["f1"] = difference(value, half, p)
    analysis["efficiency"][""]["steppo"]["ratio"] |= ratio
    (finding,) = findings(analysis)
    return finding


def test_a_gain_with_its_interval_and_a_saving():
    finding = found(0.025)
    assert finding.verdict == "gain"
    assert finding.sentence == (
        "StePPO ends above Outcome PPO: mean F1 0.440 against 0.415, +0.025 (95% interval +0.005 to +0.045)."
        " It comes to the validation F1 where Outcome PPO ends with fewer trajectories: 0.60 times the"
        " trajectories (0.45 to 0.75)."
    )


def test_a_loss():
    assert found(-0.1).verdict == "loss"
    assert found(-0.1).sentence.startswith("StePPO ends below Outcome PPO")


def test_an_interval_that_holds_0_shows_nothing_and_says_what_could_have_been_found():
    finding = found(0.01)
    assert finding.verdict == "none"
    assert finding.sentence.startswith(
        "No difference shown between StePPO and Outcome PPO at the end: mean F1 0.440 against 0.415, +0.010"
        " (95% interval −0.010 to +0.030); a difference of 0.028 could have been found."
    )


def test_a_test_that_finds_nothing_overrules_the_interval():
    finding = found(0.025, p=0.04)
    assert finding.verdict == "none"
    assert "+0.005 to +0.045), p = 0.16; a difference of 0.028 could have been found." in finding.sentence


def test_one_replicate_shows_nothing():
    analysis = make_analysis()
    cell = analysis["differences"][""]["steppo"]["mean"]["f1"]
    cell |= {"p": None, "p_holm": None, "detectable": None, "n": 1}
    (finding,) = findings(analysis)
    assert finding.verdict == "none"
    assert "(95% interval +0.005 to +0.045), but no test over 1 replicate." in finding.sentence


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (
            needed(1.5, 0.3, 0),
            "It comes to the validation F1 where Outcome PPO ends with more trajectories: 1.50",
        ),
        (
            needed(0.9, 0.3, 0),
            "No saving shown: it comes to the validation F1 where Outcome PPO ends with 0.90",
        ),
        (
            needed(0.5, 0.1, 2),
            "in 2 of 5 replicates it never comes to the validation F1 where Outcome PPO ends",
        ),
        (needed(0.5, 0.1, 0) | {"low": None, "high": None}, "No saving shown"),
    ],
)
def test_a_saving_only_where_the_whole_interval_is_below_1(ratio, said):
    assert said in found(0.025, **ratio).sentence


def test_without_validation_there_is_no_word_of_speed():
    nothing = {"value": None, "low": None, "high": None, "n": 0, "never": 0}
    assert found(0.025, **nothing).sentence.endswith("+0.045).")


def test_one_finding_a_setting():
    analysis = make_hops()
    del analysis["differences"]["three"]["steppo"]
    assert [finding.setting for finding in findings(analysis)] == ["2 hops", "3 hops", "4 hops"]
    assert findings(analysis)[1].sentence.endswith("no difference could be measured.")


def test_where_the_baseline_is_first_all_others_are_told_of():
    (finding,) = findings(make_ablation())
    assert finding.verdict == "none"
    assert finding.sentence == (
        "Mean F1 against that of Full: below it Without redundancy penalty (−0.030), Only redundancy"
        " penalty (−0.030), Without step rewards (−0.040), Only step rewards (−0.040); no difference shown"
        " for 4 of 8."
    )


def test_a_baseline_alone_finds_nothing():
    analysis = make_analysis()
    assert findings(analysis | {"variants": analysis["variants"][1:2]}) == []


def test_what_the_study_is():
    assert describe(make_analysis()) == (
        "Profile tiny, 5 variants, up to 5 replicates of each, 5,120 trajectories a run."
    )
    analysis = make_hops()
    del analysis["profile"]
    analysis["cost"]["two"]["ppo"]["trajectories"] = 4000.0
    assert describe(analysis) == (
        "2 variants, 3 settings, up to 5 replicates of each, 4,000 to 5,120 trajectories a run."
    )
