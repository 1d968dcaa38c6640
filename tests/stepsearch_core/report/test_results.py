import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.metrics.measures import BY_KEY, EVALUATED
from stepsearch_core.report.results import (
    ANSWER_MEASURES,
    BEHAVIOUR_MEASURES,
    F1,
    asked,
    headline,
    number,
    results_table,
    rows,
)
from tests.report_data import cell, make_provenance


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (None, 3, False, "–"),
        (0.6254, 3, False, "0.625"),
        (0.375, 3, True, "+0.375"),
        (-0.5, 2, True, "−0.50"),
        (-0.0001, 3, True, "0.000"),
        (0.0, 2, True, "0.00"),
    ],
)
def test_number(value, digits, signed, text):
    assert number(value, digits, signed) == text


@given(st.floats(-10, 10))
def test_number_reads_back_to_half_a_digit(value):
    assert abs(float(number(value, 3, True).replace("−", "-")) - value) <= 0.0005 + 1e-12


def test_rows_hold_policies_gain_and_mean_last(metrics):
    printed = rows(metrics, ANSWER_MEASURES[0])
    assert [row.label for row in printed] == ["Warm start", "Trained", "Gold questions", "Gain"]
    assert [cell.value for cell in printed[1].cells] == ["0.625", "0.625", "0.625"]
    assert printed[3].cells[2].value == "+0.375"
    assert printed[3].cells[2].interval == "+0.325 to +0.425"


def test_behaviour_is_a_change_and_not_a_gain(metrics):
    printed = rows(metrics, BEHAVIOUR_MEASURES[0])
    assert (printed[-1].label, printed[-1].cells[0].value) == ("Change", "−0.50")


def test_what_was_not_measured_is_a_dash(metrics):
    support_recall = BY_KEY["support_recall"]
    assert {cell.value for row in rows(metrics, support_recall) for cell in row.cells} == {"–"}
    del metrics["trained"]["musique"]["support_recall"]
    assert rows(metrics, support_recall)[1].cells[0].value == "–"


@pytest.mark.parametrize(
    ("low", "high", "verdict", "words"),
    [
        (
            0.1,
            0.3,
            "gain",
            "Training raised mean F1 from 0.250 to 0.625: +0.200 (95% interval +0.100 to +0.300).",
        ),
        (-0.1, 0.3, "none", "No gain shown"),
        (0.0, 0.3, "none", "No gain shown"),
        (-0.3, -0.1, "loss", "Training lowered mean F1"),
        (None, None, "none", "without an interval"),
    ],
)
def test_headline_speaks_of_a_gain_only_above_zero(metrics, low, high, verdict, words):
    metrics["gain"]["mean"]["f1"] = {"value": 0.2, "low": low, "high": high, "n": 8}
    found = headline(metrics, 0.95)
    assert found.verdict == verdict
    assert words in found.sentence


def test_headline_without_training_says_where_each_policy_stands(metrics):
    metrics = {
        "mine": metrics["warmstart"],
        "gold_questions": metrics["gold_questions"],
        "b": metrics["trained"],
    }
    assert headline(metrics, 0.95).sentence == (
        "Mean F1, with 95% intervals: b 0.625 (0.575 to 0.675); mine 0.250 (0.200 to 0.300)."
    )


def test_table_for_the_terminal(metrics):
    lines = results_table(metrics).splitlines()
    assert lines[:6] == [
        "F1                   MuSiQue    Bamboogle         Mean",
        "  Warm start           0.250        0.250        0.250",
        "  Trained              0.625        0.625        0.625",
        "  Gold questions       0.900        0.900        0.900",
        "  Gain                +0.375       +0.375       +0.375",
        "                +.33 to +.42 +.33 to +.42 +.33 to +.42",
    ]
    assert max(map(len, lines)) < 80


def without_gold_on_bamboogle(metrics):
    metrics["gold_questions"]["bamboogle"] = {
        key: cell(None) for key in metrics["gold_questions"]["bamboogle"]
    }
    return metrics


def test_a_mean_over_some_benchmarks_says_so(metrics):
    assert {row.cells[-1].note for row in rows(metrics, F1)} == {""}
    printed = rows(without_gold_on_bamboogle(metrics), F1)
    assert [row.cells[-1].note for row in printed] == ["", "", "mean over 1 of 2 benchmarks", ""]
    lines = results_table(metrics).splitlines()
    assert lines[6:8] == ["  Gold questions: mean over 1 of 2 benchmarks", ""]
    assert max(map(len, lines)) < 80


def test_what_was_asked_comes_last(metrics):
    lines = results_table(metrics, make_provenance()).splitlines()
    assert lines[-3:] == [
        "Questions            MuSiQue    Bamboogle         Mean",
        "  split           validation         test",
        "  n                        4            4            4",
    ]
    assert results_table(metrics).splitlines()[-2:] == [lines[-3], lines[-1]]


def test_the_head_of_a_column(metrics):
    assert asked(metrics, "musique", make_provenance()) == "validation, n = 4"
    assert asked(metrics, "mean", make_provenance()) == asked(metrics, "musique", None) == "n = 4"
    assert asked(metrics, "nq", None) == "n = 0"


def test_whatever_is_evaluated_has_a_row_or_a_limit_beyond_which_it_is_said():
    shown = {measure.key for measure in (*ANSWER_MEASURES, *BEHAVIOUR_MEASURES)}
    assert shown <= set(EVALUATED)
    unsaid = [key for key in EVALUATED if key not in shown and BY_KEY[key].warn_above is None]
    assert unsaid == []
