import json
import time

import numpy as np
import pytest

from stepsearch_core.metrics.measures import EVALUATED
from stepsearch_core.studies.analysis import analyse
from stepsearch_core.studies.curves import VALIDATION_F1
from stepsearch_core.studies.estimates import PAIRED
from stepsearch_core.studies.study import Setting, Variant
from tests.study_data import outcome, small_study, training_log

VARIANTS = {
    "step": Variant("Step-wise", ["reward.scale=1"]),
    "plain": Variant("Outcome only"),
    "unrun": Variant("Not yet"),
}
TOKENS = dict.fromkeys(range(1, 41), 20.0)


def run(variant, replicate, gain, setting=""):
    rng = np.random.default_rng(replicate)
    f1 = {"musique": list(rng.random(6) * 0.5 + gain), "bamboogle": list(rng.random(4) * 0.5 + gain)}
    validation = {0: 0.1, 10: 0.3 + gain, 20: 0.5 + gain, 30: 0.6 + gain, 40: 0.7 + gain}
    return outcome(
        variant,
        replicate,
        f1=f1,
        before={name: [value / 2 for value in values] for name, values in f1.items()},
        log=training_log(validation, TOKENS),
        setting=setting,
    )


@pytest.fixture(scope="module")
def analysis():
    study = small_study(VARIANTS, {"near": Setting("2 hops", ["world.hops=2"]), "far": Setting("4 hops")})
    outcomes = [run("plain", replicate, 0.0, "near") for replicate in (2, 0, 1)]
    outcomes += [run("step", replicate, 0.2, "near") for replicate in (0, 1)]
    outcomes += [run("step", 0, 0.2, "far")]
    return analyse(study, outcomes)


def test_it_is_json_without_nan(analysis):
    assert json.loads(json.dumps(analysis, allow_nan=False)) == analysis


def test_it_says_what_the_study_is(analysis):
    assert [analysis[key] for key in ("study", "title", "baseline", "confidence")] == [
        "small", "A small study", "plain", 0.95
    ]  # fmt: skip
    assert analysis["settings"][0] == {"name": "near", "label": "2 hops", "changes": ["world.hops=2"]}
    assert [(one["name"], one["replicates"]) for one in analysis["variants"]] == [
        ("step", 2), ("plain", 3), ("unrun", 0)
    ]  # fmt: skip
    assert analysis["columns"] == ["musique", "bamboogle", "mean"]


def test_every_part_has_every_setting_and_what_was_run_in_it(analysis):
    for part in ("scores", "curves", "efficiency", "cost"):
        assert {name: list(made) for name, made in analysis[part].items()} == {
            "near": ["step", "plain"],
            "far": ["step"],
        }
    assert list(analysis["scores"]["near"]["step"]["mean"]) == list(EVALUATED)
    assert list(analysis["differences"]["near"]["step"]["mean"]) == list(PAIRED)
    assert list(analysis["differences"]["near"]) == ["step"]
    assert analysis["differences"]["far"] == {}


def test_the_warm_start_is_scored_by_replicate(analysis):
    f1 = analysis["start"]["near"]["mean"]["f1"]
    assert f1["n"] == 3
    assert f1["value"] == pytest.approx(analysis["scores"]["near"]["plain"]["mean"]["f1"]["value"] / 2)


def test_differences_are_over_common_replicates(analysis):
    cell = analysis["differences"]["near"]["step"]["mean"]["f1"]
    assert (cell["value"], cell["n"]) == (pytest.approx(0.2), 2)


def test_efficiency_stands_beside_areas(analysis):
    step, plain = (analysis["efficiency"]["near"][name] for name in ("step", "plain"))
    assert plain["area"]["value"] == pytest.approx((2 + 4 + 5.5 + 6.5) / 40)
    assert step["area"]["value"] - plain["area"]["value"] == pytest.approx(step["area_difference"]["value"])
    assert "area_difference" not in plain
    assert plain["reached"]["trajectories"] == [pytest.approx(300)] * 3
    assert plain["ratio"]["value"] == pytest.approx(1)
    # smoothed at steps 10 and 20: .4333, .6667; .6 is reached between them
    assert step["ratio"]["value"] == pytest.approx((10 + 10 * (0.6 - 1.3 / 3) / (0.7 / 3)) / 30)
    assert step["tokens"]["ratio"]["value"] == pytest.approx(step["ratio"]["value"])


def test_without_the_baseline_areas_are_all(analysis):
    far = analysis["efficiency"]["far"]["step"]
    assert far["area"]["value"] is not None
    assert far["area_difference"]["n"] == far["ratio"]["n"] == 0
    assert far["reached"]["goal"] is None


def test_curves_and_cost(analysis):
    curve = analysis["curves"]["near"]["plain"][VALIDATION_F1]
    assert [(point["step"], point["trajectories"]) for point in curve][-1] == (40, 400)
    assert analysis["cost"]["near"]["plain"] == {
        "trajectories": 400, "policy_tokens": pytest.approx(40 * 20 * 10), "seconds": 61.0
    }  # fmt: skip


def test_nothing_run_is_an_analysis_too():
    made = analyse(small_study(VARIANTS), [])
    assert made["scores"] == made["start"] == made["differences"] == {"": {}}
    assert made["columns"] == ["mean"]
    assert json.dumps(made, allow_nan=False)


def test_logs_without_validations_and_counts_leave_those_parts_empty():
    outcomes = [outcome(name, 0, f1={"musique": [1.0]}, log=[]) for name in ("plain", "step")]
    made = analyse(small_study(VARIANTS), outcomes)
    assert made["cost"][""]["plain"] == {"trajectories": 0, "policy_tokens": None, "seconds": 60.0}
    assert made["curves"][""]["step"] == {}
    assert made["efficiency"][""]["step"]["area"] == {"value": None, "low": None, "high": None, "n": 0}


def test_order_of_the_runs_does_not_matter():
    outcomes = [run(name, replicate, 0.1) for name in ("plain", "step") for replicate in range(3)]
    assert analyse(small_study(VARIANTS), outcomes) == analyse(small_study(VARIANTS), outcomes[::-1])


@pytest.mark.timing
def test_a_usual_study_takes_seconds():
    """5 variants with 5 replicates each on 4 benchmarks of 250 questions, all measures defined."""
    benchmarks = ("musique", "hotpotqa", "2wikimultihopqa", "bamboogle")
    names = ("plain", "step", "gain", "key", "penalty")
    rng = np.random.default_rng(0)
    outcomes = [
        outcome(name, replicate, f1={benchmark: list(rng.random(250)) for benchmark in benchmarks})
        for name in names
        for replicate in range(5)
    ]
    study = small_study({name: Variant(name) for name in names}, bootstrap_samples=2000)
    started = time.process_time()
    analyse(study, outcomes)
    seconds = time.process_time() - started
    print(f"{seconds:.1f} s")
    assert seconds < 5
