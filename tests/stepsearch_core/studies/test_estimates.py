import numpy as np
import pytest
from scipy import stats

from stepsearch_core.base.errors import DataError
from stepsearch_core.evaluation.significance import holm
from stepsearch_core.metrics.measures import EVALUATED
from stepsearch_core.studies.estimates import PAIRED, differences, scores, start
from tests.study_data import outcome

BENCHMARKS = ["musique", "bamboogle"]
PRECISION = (400, 0.95)


def runs_of(**f1_of_variants):
    """Variant -> replicate -> run, of F1 of musique's questions: a list of lists, one for each replicate."""
    return {
        variant: {
            replicate: outcome(variant, replicate, f1={"musique": values})
            for replicate, values in enumerate(of_variant)
            if values
        }
        for variant, of_variant in f1_of_variants.items()
    }


def test_scores_by_hand():
    records = [
        outcome("step", 0, f1={"musique": [1.0, 0.0], "bamboogle": [0.5, 0.5, 0.5]}).records,
        outcome("step", 1, f1={"musique": [1.0, 1.0], "bamboogle": [0.5, 0.5, 1.0]}).records,
    ]
    made = scores(records, BENCHMARKS, *PRECISION)
    assert list(made) == [*BENCHMARKS, "mean"]
    assert list(made["mean"]) == list(EVALUATED)
    assert made["musique"]["f1"]["value"] == 0.75
    assert made["bamboogle"]["f1"]["value"] == pytest.approx(7 / 12)
    assert made["mean"]["f1"]["value"] == pytest.approx((0.75 + 7 / 12) / 2)
    assert made["bamboogle"]["em"]["value"] == pytest.approx(1 / 6)
    assert made["mean"]["f1"]["n"] == 2
    assert 0 <= made["musique"]["f1"]["low"] < 0.75 < made["musique"]["f1"]["high"] == 1.0


def test_a_missing_benchmark_has_no_score_and_leaves_no_mean():
    made = scores([outcome("step", 0, f1={"musique": [1.0]}).records], BENCHMARKS, *PRECISION)
    assert made["musique"]["f1"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 1}
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    assert made["bamboogle"]["f1"] == made["mean"]["f1"] == nothing


def test_the_start_is_the_baselines_and_anothers_where_it_has_none():
    def run(variant, replicate, value):
        return outcome(variant, replicate, before={"musique": [value]} if value is not None else {})

    runs = {
        "step": {0: run("step", 0, 0.1), 1: run("step", 1, 0.2)},
        "plain": {0: run("plain", 0, 0.3), 1: run("plain", 1, None)},
    }
    f1 = [next(iter(records["musique"].values())).measures["f1"] for records in start(runs, "plain")]
    assert f1 == [0.3, 0.2]


def test_differences_by_hand():
    runs = runs_of(
        plain=[[0.0, 0.5], [0.5, 0.5], [0.0, 0.0]], step=[[0.5, 1.0], [1.0, 0.8], [0.2, 0.0], [1.0, 1.0]]
    )
    cell = differences(runs, "plain", ["musique"], *PRECISION)["step"]["musique"]["f1"]
    of_replicates = [0.5, 0.4, 0.1]  # the fourth has no baseline
    assert cell["value"] == pytest.approx(np.mean(of_replicates))
    assert cell["n"] == 3
    assert cell["p"] == pytest.approx(stats.ttest_1samp(of_replicates, 0).pvalue)
    assert cell["p_holm"] == cell["p"]
    # statsmodels 0.15.0: an effect of 3.26404 standard deviations
    assert cell["detectable"] == pytest.approx(3.26404 * np.std(of_replicates, ddof=1), rel=1e-5)
    assert 0 < cell["low"] < cell["value"] < cell["high"] <= 0.5


def test_pairing_by_question_narrows_the_interval():
    """Scores differ widely between replicates and questions, and each question gains .1."""
    rng = np.random.default_rng(0)
    before = [list(0.8 * rng.random(20) * level) for level in (0.2, 1.0)]
    runs = runs_of(plain=before, step=[[value + 0.1 for value in values] for values in before])
    cell = differences(runs, "plain", ["musique"], *PRECISION)["step"]["musique"]["f1"]
    assert (cell["low"], cell["high"]) == pytest.approx((0.1, 0.1))
    assert cell["p"] is None  # equal gains: nothing to test by
    assert cell["detectable"] is None


def test_questions_are_paired_by_id_and_not_by_place():
    runs = runs_of(plain=[[0.0, 1.0, 0.5]], step=[[0.0, 1.0, 0.5]])
    turned = runs["step"][0].records["musique"]
    for key in list(turned)[:2]:
        turned[key] = turned.pop(key)
    cell = differences(runs, "plain", ["musique"], *PRECISION)["step"]["musique"]["f1"]
    assert (cell["value"], cell["low"], cell["high"]) == (0.0, 0.0, 0.0)


def test_holm_is_over_the_variants_of_a_column_and_measure():
    rng = np.random.default_rng(5)
    runs = {
        variant: {
            replicate: outcome(
                variant,
                replicate,
                f1={name: list(rng.random(n) + gain) for name, n in (("musique", 8), ("bamboogle", 5))},
            )
            for replicate in range(4)
        }
        for variant, gain in {"plain": 0.0, "step": 0.6, "gain": 0.3, "key": 0.0}.items()
    }
    made = differences(runs, "plain", BENCHMARKS, *PRECISION)
    assert list(made) == ["step", "gain", "key"]
    for column in (*BENCHMARKS, "mean"):
        for key in PAIRED:
            cells = [made[variant][column][key] for variant in made]
            assert [cell["p_holm"] for cell in cells] == holm([cell["p"] for cell in cells])
    assert made["step"]["mean"]["f1"]["p_holm"] < 0.05


def test_without_a_baseline_or_a_common_replicate_there_are_no_differences():
    assert differences(runs_of(step=[[1.0]]), "plain", ["musique"], *PRECISION) == {}
    assert differences(runs_of(plain=[[0.0]], step=[None, [1.0]]), "plain", ["musique"], *PRECISION) == {}


def test_a_benchmark_that_one_of_the_two_lacks_has_no_difference():
    runs = {
        "plain": {0: outcome("plain", 0, f1={"musique": [0.0], "bamboogle": [0.0]})},
        "step": {0: outcome("step", 0, f1={"musique": [1.0]})},
    }
    made = differences(runs, "plain", BENCHMARKS, *PRECISION)["step"]
    assert made["musique"]["f1"]["value"] == 1.0
    assert made["bamboogle"]["f1"]["n"] == made["mean"]["f1"]["n"] == 0
    assert made["mean"]["f1"]["value"] is None


def test_one_replicate_has_an_interval_over_questions_and_no_test():
    runs = runs_of(plain=[[0.0, 0.0, 0.5, 0.2]], step=[[1.0, 0.0, 0.5, 0.4]])
    cell = differences(runs, "plain", ["musique"], *PRECISION)["step"]["musique"]["f1"]
    assert cell["low"] < cell["value"] < cell["high"]
    assert (cell["p"], cell["p_holm"], cell["detectable"], cell["n"]) == (None, None, None, 1)


def test_other_questions_under_the_same_ids_are_an_error():
    runs = runs_of(plain=[[0.0, 0.0]], step=[[1.0, 0.0]])
    object.__setattr__(next(iter(runs["step"][0].records["musique"].values())), "question", "Another?")
    with pytest.raises(DataError, match="musique of the study, seed 0: step and plain were asked"):
        differences(runs, "plain", ["musique"], *PRECISION)
    with pytest.raises(DataError, match="not of one replicate"):
        differences(runs_of(plain=[[0.0, 0.0]], step=[[1.0]]), "plain", ["musique"], *PRECISION)
