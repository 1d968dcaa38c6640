from stepsearch_core.training.tracker import seconds_by_phase

HISTORY = [
    {"step": 0.0, "validation/f1": 0.25},
    {"step": 1.0, "f1": 0.5, "timing/rollout": 2.0, "timing/update": 1.0},
    {"step": 2.0, "f1": 0.75, "timing/rollout": 3.0, "timing/experience": 0.5, "timing/update": 1.5},
]


def test_seconds_add_up_over_the_rows_that_have_them():
    assert seconds_by_phase(HISTORY) == {"rollout": 5.0, "experience": 0.5, "update": 2.5}
