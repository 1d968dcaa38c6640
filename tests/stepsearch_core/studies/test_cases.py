from dataclasses import replace

from stepsearch_core.studies.cases import choose_cases, counts
from tests.stepsearch_core.studies.analysis_example import HOPS, make_analysis, make_hops, make_outcomes


def shown(cases, kind):
    return [(case.shown.id, case.said) for case in cases if case.kind == kind]


def test_what_most_replicates_show_comes_first():
    cases = choose_cases(make_analysis(), make_outcomes())
    assert shown(cases, "gained") == [
        ("musique-0", "gained in 3 of 3; shown: seed 0, world 7"),
        ("musique-1", "gained in 1 of 3; shown: seed 0, world 7"),
    ]
    assert shown(cases, "lost") == [("musique-2", "lost in 2 of 3; shown: seed 0, world 7")]


def test_failures_are_drawn_among_what_most_replicates_fail():
    cases = choose_cases(make_analysis(), make_outcomes())
    failed = shown(cases, "failed")
    assert {name for name, _ in failed} == {"musique-3", "musique-4", "musique-5"}
    assert all(said.startswith("failed in 3 of 3") for _, said in failed)
    orders = {
        tuple(name for name, _ in shown(choose_cases(make_analysis(), make_outcomes(), seed), "failed"))
        for seed in range(9)
    }
    assert len(orders) > 1
    assert choose_cases(make_analysis(), make_outcomes(), 3) == choose_cases(
        make_analysis(), make_outcomes(), 3
    )


def test_a_case_shows_warm_start_baseline_and_variant():
    case = choose_cases(make_analysis(), make_outcomes())[0]
    assert [(key, name) for key, name, _ in case.policies] == [
        ("warmstart", ""),
        ("baseline", "Outcome PPO"),
        ("compared", "StePPO"),
    ]
    assert [record.measures["f1"] for _, _, record in case.policies] == [0.0, 0.0, 1.0]


def test_how_many_questions_are_gained_lost_and_failed():
    assert counts(make_analysis(), make_outcomes()) == {"questions": 6, "gained": 2, "lost": 1, "failed": 5}


def test_worlds_of_their_own_have_questions_of_their_own():
    first, *others = make_outcomes()
    renamed = {key: replace(record, question="Another?") for key, record in first.records["musique"].items()}
    other = replace(first, records={"musique": renamed})
    assert counts(make_analysis(), [other, *others])["questions"] == 12


def test_settings_take_turns():
    outcomes = [run for setting in HOPS for run in make_outcomes(setting)]
    cases = choose_cases(make_hops(), outcomes)
    failed = [case.setting for case in cases if case.kind == "failed"]
    assert sorted(failed[:3]) == sorted(HOPS.values())
    assert len(failed) == 4
    assert [case.shown.id for case in cases[:3]] == ["musique-0"] * 3


def test_only_pairs_are_compared():
    alone = [run for run in make_outcomes() if run.variant == "steppo"]
    assert choose_cases(make_analysis(), alone) == []
    assert choose_cases(make_analysis(), [replace(run, before={}) for run in make_outcomes()]) == []
    analysis = make_analysis()
    assert choose_cases(analysis | {"variants": analysis["variants"][1:2]}, make_outcomes()) == []
