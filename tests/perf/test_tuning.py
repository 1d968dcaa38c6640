import json
from itertools import product
from statistics import fmean

import pytest

from perf.tuning import ALGORITHMS, GRID, ROWS, WORLDS
from stepsearch_core.params import load_params
from tests.checkout import ROOT


def committed():
    return [json.loads(line) for line in (ROOT / ROWS).read_text(encoding="utf-8").splitlines()]


def test_the_grid_is_whole_and_alike_for_every_algorithm():
    points = {(row["world"], row["algorithm"], *(row[key] for key in GRID)) for row in committed()}
    assert points == set(product(WORLDS, ALGORITHMS, *GRID.values()))
    assert {tuple(row["validation_f1"]) for row in committed()} == {("0", "5", "10", "15", "20")}


@pytest.mark.slow
def test_the_default_world_took_no_part_and_the_default_profile_has_the_best_point_of_its_algorithm():
    params = load_params(ROOT / "params.yaml")
    assert params.fetch.world.seed not in WORLDS
    scores: dict[tuple, list[float]] = {}
    for row in committed():
        if row["algorithm"] == params.train.algorithm:
            scores.setdefault(tuple(row[key] for key in GRID), []).append(
                fmean(row["validation_f1"].values())
            )
    best = max(scores, key=lambda point: fmean(scores[point]))
    assert (params.train.learning_rate, params.train.kl_coefficient) == best
