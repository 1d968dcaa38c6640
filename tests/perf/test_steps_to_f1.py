from perf.steps_to_f1 import steps_until


def test_the_first_step_that_reaches_it_or_one_more_than_there_were():
    curve = {"0": 0.1, "1": 0.1, "2": 0.5, "3": 0.4, "10": 0.7}
    assert steps_until(curve, 0.5) == 2
    assert steps_until(curve, 0.6) == 10
    assert steps_until(curve, 0.8) == 11
    assert steps_until(curve, 0.1) == 0
