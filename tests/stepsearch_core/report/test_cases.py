from collections import Counter

import pytest

from stepsearch_core.report.cases import choose_cases, compared, outcome_counts, outcome_of, outcomes
from stepsearch_core.report.inputs import read_inputs
from tests.report_data import record_of


@pytest.mark.parametrize(
    ("before", "after", "outcome"), [(0, 1, "fixed"), (1, 0, "worse"), (0, 0, "failed"), (1, 1, "solved")]
)
def test_outcome(before, after, outcome):
    assert outcome_of(record_of(em=before), record_of(em=after)) == outcome


def test_outcomes_are_counted_per_benchmark(data):
    counts = outcome_counts(read_inputs(data).records)
    assert counts["musique"] == {"fixed": 1, "worse": 1, "failed": 1, "solved": 1}


def test_all_outcomes_and_benchmarks_are_shown(data):
    chosen = choose_cases(read_inputs(data).records, 8)
    assert Counter(case.outcome for case in chosen) == {"fixed": 2, "worse": 2, "failed": 2, "solved": 2}
    assert {case.benchmark for case in chosen} == {"musique", "bamboogle"}
    assert list(chosen[0].records) == ["warmstart", "trained", "gold_questions"]
    assert [case.number for case in chosen] == list(range(1, 9))


def test_a_case_is_shown_once_and_never_more_than_there_are(data):
    chosen = choose_cases(read_inputs(data).records, 100)
    assert len(chosen) == len({case.records["trained"].id for case in chosen}) == 8
    assert len(choose_cases(read_inputs(data).records, 3)) == 3
    assert choose_cases(read_inputs(data).records, 0) == []


def test_the_draw_is_repeatable(data):
    records = read_inputs(data).records
    assert choose_cases(records, 5, seed=3) == choose_cases(records, 5, seed=3)


def test_questions_of_one_policy_only_are_left_out(data):
    records = read_inputs(data).records
    del records["warmstart"]["musique"]
    assert {case.benchmark for case in choose_cases(records, 8)} == {"bamboogle"}


def test_whose_answers_make_the_outcomes():
    assert compared(["gold_keys", "trained", "mine", "warmstart"]) == ("warmstart", "trained")
    assert compared(["one", "gold_keys", "two", "three"]) == ("one", "two")
    assert compared(["one"]) == ("one", "one")


def test_outcomes_of_one_policy_are_right_and_wrong(data):
    records = {"mine": read_inputs(data).records["trained"]}
    assert outcomes(records) == {"failed": "wrong", "solved": "right"}
    assert outcome_counts(records)["musique"] == {"failed": 2, "solved": 2}
    assert Counter(case.outcome for case in choose_cases(records, 8)) == {"failed": 4, "solved": 4}
