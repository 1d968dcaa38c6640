from stepsearch_core.metrics.timing import seconds, untimed

HISTORY = [{"step": 0.0, "f1": 0.25}, {"step": 1.0, "f1": 0.5, "timing/update": 2.0, "timing/rollout": 1.5}]


def test_time_is_left_out_of_what_two_runs_have_in_common():
    assert untimed(HISTORY[1]) == {"step": 1.0, "f1": 0.5}
    assert untimed(HISTORY[0]) == HISTORY[0]


def test_seconds_add_up_over_the_rows_that_have_them():
    assert seconds(HISTORY * 2, "update") == 4.0
    assert seconds(HISTORY, "experience") == 0.0
