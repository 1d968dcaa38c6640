from stepsearch_core.params import Params
from stepsearch_core.studies.runs import Run
from stepsearch_core.studies.tuning import chosen_points, grids, score_of

LOW, HIGH = {"train.learning_rate": "1"}, {"train.learning_rate": "2"}


def grid_of(*made, replicates=2):
    runs = [Run("s", variant, "", 0, [], (), Params(), point) for variant, point, _ in made]
    scores = {run: score for run, (*_, score) in zip(runs, made, strict=True) if score is not None}
    return grids(runs, scores, replicates)


def test_a_runs_score_is_the_mean_of_its_validations():
    log = [{"step": 0, "validation/f1": 0.1}, {"step": 1, "f1": 0.9}, {"step": 2, "validation/f1": 0.5}]
    assert score_of(log) == 0.3


def test_the_point_with_the_best_mean_over_replicates_is_chosen_for_each_variant():
    tuned = grid_of(
        *(("a", LOW, 0.5), ("a", HIGH, 0.9), ("b", LOW, 0.6), ("b", HIGH, 0.1)),
        *(("a", LOW, 0.5), ("a", HIGH, 0.0), ("b", LOW, 0.2), ("b", HIGH, 0.5)),
    )
    assert chosen_points(tuned) == {"a": LOW, "b": LOW}
    assert tuned["a"]["grid"][1] == {"point": HIGH, "score": 0.45, "scores": [0.9, 0.0]}


def test_of_equals_the_first_is_chosen():
    assert chosen_points(grid_of(("a", LOW, 0.5), ("a", HIGH, 0.5), replicates=1)) == {"a": LOW}


def test_nothing_is_chosen_before_the_grid_is_whole():
    tuned = grid_of(("a", LOW, 0.9), ("a", HIGH, None), ("b", LOW, 0.4), ("b", HIGH, 0.5), replicates=1)
    assert chosen_points(tuned) == {"b": HIGH}
    assert tuned["a"]["grid"] == [
        {"point": LOW, "score": 0.9, "scores": [0.9]},
        {"point": HIGH, "score": None, "scores": []},
    ]
