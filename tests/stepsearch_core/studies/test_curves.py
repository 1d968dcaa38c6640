import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.evaluation.significance import holm
from stepsearch_core.studies.curves import area, area_differences, areas, curves
from stepsearch_core.studies.replicates import t_interval
from tests.study_data import outcome, training_log

NAN = float("nan")


def runs(variant, *validations):
    """Replicate -> run with this curve of validation F1."""
    return {
        replicate: outcome(variant, replicate, log=training_log(values))
        for replicate, values in enumerate(validations)
    }


def test_area_by_hand():
    assert area([(0, 0.0), (10, 0.5)]) == 0.25
    # 10 * .25 + 30 * .6 over 40
    assert area([(0, 0.0), (10, 0.5), (40, 0.7)]) == pytest.approx((2.5 + 18) / 40)
    assert area([(0, 0.5)]) is None
    assert area([]) is None


POINTS = st.dictionaries(st.integers(0, 50), st.floats(0, 1), min_size=2, max_size=8)


@given(POINTS, st.floats(-1, 1))
def test_a_constant_shifts_the_area_which_lies_within_the_values(points, constant):
    curve = sorted(points.items())
    shifted = [(step, value + constant) for step, value in curve]
    assert min(points.values()) - 1e-9 <= area(curve) <= max(points.values()) + 1e-9
    assert area(shifted) == pytest.approx(area(curve) + constant)


def test_areas_leave_out_what_was_validated_once():
    assert areas(runs("step", {0: 0.0, 4: 1.0}, {0: 0.5}, {0: 0.0, 4: NAN})) == {0: 0.5}


def test_differences_of_areas_are_paired_by_replicate():
    made = area_differences(
        {
            "plain": runs("plain", {0: 0.0, 2: 0.2}, {0: 0.0, 2: 0.6}, {0: 0.0, 2: 0.4}),
            "step": runs("step", {0: 0.0, 2: 0.4}, {0: 0.0, 2: 1.0}, {0: 0.0, 2: 0.6}),
            "gain": runs("gain", {0: 0.0, 2: 0.2}, {0: 0.0, 2: 0.8}),
            "none": runs("none"),
        },
        "plain",
        0.95,
    )
    assert list(made) == ["step", "gain", "none"]
    expected = t_interval([0.1, 0.2, 0.1], 0.95)
    assert {key: made["step"][key] for key in expected} == pytest.approx(expected)
    assert made["gain"]["value"] == pytest.approx(0.05)
    cells = list(made.values())
    assert [cell["p_holm"] for cell in cells] == holm([cell["p"] for cell in cells])
    assert made["step"]["p_holm"] == pytest.approx(2 * made["step"]["p"])
    assert made["none"] == dict.fromkeys(("value", "low", "high", "p", "p_holm", "detectable")) | {"n": 0}


def test_areas_over_other_steps_are_not_compared():
    made = area_differences(
        {
            "plain": runs("plain", {0: 0.0, 2: 0.2}, {0: 0.0, 2: 0.2}),
            "step": runs("step", {0: 0.0, 2: 0.4}, {0: 0.0, 1: 0.4}),
        },
        "plain",
        0.95,
    )
    assert (made["step"]["n"], made["step"]["value"]) == (1, pytest.approx(0.1))


def test_curves_have_the_steps_and_keys_of_all_replicates():
    logs = (
        training_log({0: 0.1, 2: 0.3, 4: 0.5}, {1: 30, 2: 32}),
        training_log({0: 0.1, 2: 0.5}, {1: 34}),
    )
    made = curves([outcome("step", n, log=log, trajectories_per_step=8) for n, log in enumerate(logs)], 0.95)
    assert list(made) == ["validation/f1", "written_tokens"]
    assert made["validation/f1"] == [
        {"step": 0, "trajectories": 0, "mean": 0.1, "low": 0.1, "high": 0.1, "n": 2, "band": "range"},
        {"step": 2, "trajectories": 16, "mean": 0.4, "low": 0.3, "high": 0.5, "n": 2, "band": "range"},
    ]
    assert [point["mean"] for point in made["written_tokens"]] == [32]


@pytest.mark.parametrize(("values", "band"), [([0.4], None), ([0.4, 0.5, 0.9], "t")])
def test_bands(values, band):
    made = curves([outcome("step", n, log=training_log({3: value})) for n, value in enumerate(values)], 0.9)
    (point,) = made["validation/f1"]
    interval = t_interval(values, 0.9)
    assert [point[key] for key in ("mean", "low", "high")] == [
        interval[key] for key in ("value", "low", "high")
    ]
    assert (point["n"], point["band"]) == (len(values), band)


def test_a_variant_that_was_not_run_has_no_curves():
    assert curves([], 0.95) == {}
