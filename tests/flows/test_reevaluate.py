from flows.reevaluate import _row
from stepsearch_core.metrics.measures import BY_KEY

CELL = {"value": -0.25, "low": -0.5, "high": 0.0, "n": 8}


def test_a_row_names_the_measure_and_what_is_better_with_its_own_digits():
    assert (
        _row("promotion", BY_KEY["f1"], CELL)
        == "| promotion | F1 | higher | -0.250 | -0.500 to +0.000 | 8 |"
    )
    assert _row("previous", BY_KEY["searches"], CELL) == (
        "| previous | Searches | neither | -0.25 | -0.50 to +0.00 | 8 |"
    )
