from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.evaluation.comparison import WORST, compare, read_evaluation, verdict, without_questions
from stepsearch_core.rollout.records import write_records
from tests.report_data import record_of


def records(scores: dict[str, list[float]]) -> dict:
    return {
        benchmark: {
            str(i): record_of(
                id=str(i),
                question=f"q{i}",
                answers=["a"],
                prediction=f"p{f1}",
                em=float(f1 == 1),
                f1=f1,
                support_recall=None,
                searches=2,
            )
            for i, f1 in enumerate(values)
        }
        for benchmark, values in scores.items()
    }


@pytest.mark.slow
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30))
def test_the_same_answers_differ_by_exactly_nothing(scores):
    result = compare(records({"musique": scores}), records({"musique": scores}))
    assert result["difference"]["f1"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": len(scores)}
    assert not result["degraded"]
    assert result["worst"] == []


def test_a_clear_drop_is_flagged_and_a_rise_is_not():
    before, after = records({"musique": [1.0] * 40}), records({"musique": [0.0] * 20 + [1.0] * 20})
    result = compare(before, after)
    assert result["degraded"]
    assert result["difference"]["f1"]["value"] == -0.5
    assert not compare(after, before)["degraded"]


def test_a_drop_within_the_noise_is_not_flagged():
    """One question of forty: resamples without it are many, (39/40)^40 = .36 of them, so the interval
    reaches 0.
    """
    assert not compare(records({"musique": [1.0] * 40}), records({"musique": [0.0] + [1.0] * 39}))[
        "degraded"
    ]


def test_benchmarks_weigh_equally_and_unpaired_questions_are_counted():
    before = records({"musique": [1.0] * 4, "bamboogle": [1.0], "hotpotqa": [1.0]})
    after = records({"musique": [1.0, 1.0, 1.0], "bamboogle": [0.0]})
    result = compare(before, after)
    assert result["difference"]["f1"]["value"] == -0.5
    assert result["difference"]["f1"]["n"] == 4
    assert result["unpaired"] == 2
    assert result["difference"]["support_recall"] == {"value": None, "low": None, "high": None, "n": 0}


def test_the_worst_questions_come_first_and_are_few():
    before = records({"musique": [1.0] * 50})
    after = records({"musique": [0.5] * 30 + [0.0] + [1.0] * 19})
    worst = compare(before, after)["worst"]
    assert len(worst) == WORST
    assert worst[0] == {
        "benchmark": "musique",
        "id": "30",
        "question": "q30",
        "answers": ["a"],
        "before": "p1.0",
        "now": "p0.0",
        "f1_before": 1.0,
        "f1_now": 0.0,
    }


def test_nothing_in_common_leaves_nothing_to_compare():
    result = compare(records({"musique": [1.0]}), records({"bamboogle": [1.0]}))
    assert (result["difference"]["f1"]["n"], result["degraded"], result["unpaired"]) == (0, False, 2)


def test_another_question_under_the_same_id_is_another_question():
    before, after = records({"musique": [1.0, 1.0]}), records({"musique": [0.0, 1.0]})
    after["musique"]["0"] = replace(after["musique"]["0"], question="asked in another world")
    result = compare(before, after)
    assert (result["difference"]["f1"]["value"], result["difference"]["f1"]["n"], result["unpaired"]) == (
        0.0,
        1,
        2,
    )


def test_records_are_read_by_benchmark_and_must_be_there(tmp_path):
    made = records({"musique": [1.0, 0.5], "bamboogle": [0.0]})
    write_records(tmp_path, {name: list(found.values()) for name, found in made.items()})
    assert read_evaluation(tmp_path) == made
    with pytest.raises(DataError, match="no records"):
        read_evaluation(tmp_path / "elsewhere")


def comparison(before, after):
    against = {name: compare(records(before), records(after)) for name in ("promotion", "previous")}
    degraded = any(result["degraded"] for result in against.values())
    return {"changed": ["corpus", "index"], "degraded": degraded, "against": against}


def test_the_verdict_is_one_sentence():
    same, worse = {"musique": [1.0] * 8}, {"musique": [0.5] * 8}
    assert verdict(comparison(same, same)) == (
        "not significantly worse: F1 +0.000 [+0.000, +0.000] against the promotion, paired over 8 questions;"
        " changed since the promotion: corpus, index"
    )
    assert verdict(comparison(same, worse)).startswith("WORSE: F1 -0.500 [-0.500, -0.500] against the prom")


def test_the_history_has_no_questions():
    found = comparison({"musique": [1.0]}, {"musique": [0.0]})
    brief = without_questions(found)
    assert found["against"]["previous"]["worst"]
    assert all("worst" not in result for result in brief["against"].values())
    assert brief["against"]["previous"]["difference"] == found["against"]["previous"]["difference"]
