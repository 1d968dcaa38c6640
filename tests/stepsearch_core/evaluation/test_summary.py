import json

import pytest

from stepsearch_core.evaluation.summary import summarize
from stepsearch_core.metrics.measures import EVALUATED
from stepsearch_core.params import EvaluateParams
from tests.report_data import record_of

PARAMS = EvaluateParams(benchmarks=["musique", "bamboogle"], bootstrap_samples=500)


def rows(f1s, recalls=None):
    """Records with these F1s and, if given, recalls; other metrics follow from the position."""
    recalls = recalls or [None] * len(f1s)
    return [
        record_of(
            **{
                **dict.fromkeys(EVALUATED, 0.0),
                "id": f"q{n}",
                "f1": f1,
                "searches": n,
                "redundancy": 0.5,
                "support_recall": r,
            }
        )
        for n, (f1, r) in enumerate(zip(f1s, recalls, strict=True))
    ]


BEFORE = {"musique": rows([0.0, 0.5, 0.25, 0.25], [0, 1, 0, 1]), "bamboogle": rows([1.0, 0.0])}
AFTER = {"musique": rows([0.5, 1.0, 0.75, 0.75], [1, 1, 1, 1]), "bamboogle": rows([1.0, 1.0])}
ORACLE = {"musique": rows([1.0, 1.0, 1.0, 0.0], [1, 1, 1, 0.5]), "bamboogle": []}


def summary(**policies):
    return summarize(policies, PARAMS, seed=0)


def test_values_by_hand():
    made = summary(warmstart=BEFORE)["warmstart"]
    assert list(made) == ["musique", "bamboogle", "mean"]
    assert all(set(made[name]) == set(EVALUATED) for name in made)
    assert (made["musique"]["f1"]["value"], made["musique"]["f1"]["n"]) == (0.25, 4)
    assert (made["bamboogle"]["f1"]["value"], made["bamboogle"]["f1"]["n"]) == (0.5, 2)
    assert (made["mean"]["f1"]["value"], made["mean"]["f1"]["n"]) == (0.375, 6)  # benchmarks weigh the same
    assert made["musique"]["searches"]["value"] == 1.5
    assert made["musique"]["redundancy"] == {"value": 0.5, "low": 0.5, "high": 0.5, "n": 4}
    low, high = made["musique"]["f1"]["low"], made["musique"]["f1"]["high"]
    assert 0.0 <= low < 0.25 < high <= 0.5


def test_a_metric_that_is_not_defined_is_null_and_left_out_of_the_mean():
    made = summary(warmstart=BEFORE)["warmstart"]
    assert made["bamboogle"]["support_recall"] == {"value": None, "low": None, "high": None, "n": 0}
    assert (made["mean"]["support_recall"]["value"], made["mean"]["support_recall"]["n"]) == (0.5, 4)


def test_the_oracle_has_nothing_where_there_is_no_decomposition():
    made = summary(oracle=ORACLE)["oracle"]
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    assert all(cell == nothing for cell in made["bamboogle"].values())
    assert made["mean"]["f1"]["value"] == made["musique"]["f1"]["value"] == 0.75


def test_the_gain_is_paired_by_question():
    made = summary(warmstart=BEFORE, trained=AFTER)
    assert list(made) == ["warmstart", "trained", "gain", "paired"]
    pair = made["paired"]["trained - warmstart"]
    assert list(pair) == ["musique", "bamboogle", "mean"]
    for key in ("f1", "em"):
        assert {**pair["mean"][key], **made["gain"]["mean"][key]} == pair["mean"][key]  # and two p-values
    gain = made["gain"]
    assert gain["musique"]["f1"] == {
        "value": 0.5,
        "low": 0.5,
        "high": 0.5,
        "n": 4,
    }  # every pair differs by .5
    assert gain["bamboogle"]["f1"]["value"] == 0.5
    assert gain["bamboogle"]["f1"]["low"] == 0.0
    assert gain["mean"]["f1"]["value"] == 0.5
    assert gain["musique"]["support_recall"]["value"] == 0.5
    assert gain["bamboogle"]["support_recall"]["n"] == 0


def test_pairing_goes_by_id_and_not_by_place():
    shuffled = {name: records[::-1] for name, records in AFTER.items()}
    assert summary(warmstart=BEFORE, trained=shuffled)["gain"]["musique"]["f1"]["low"] == 0.5


def test_different_questions_cannot_be_paired():
    with pytest.raises(ValueError, match="only on one side"):
        summary(warmstart=BEFORE, trained={**AFTER, "musique": AFTER["musique"][:3]})


def test_no_gain_without_both_policies():
    assert "gain" not in summary(trained=AFTER, oracle=ORACLE)


def test_a_seed_gives_the_same_json():
    one, same = (json.dumps(summary(warmstart=BEFORE, trained=AFTER), allow_nan=False) for _ in range(2))
    assert one == same
