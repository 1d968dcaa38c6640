from dataclasses import replace

import pytest

from stepsearch_core.params import TrainParams
from stepsearch_core.training.selection import Selection

PARAMS = TrainParams(export="best", best_metric="f1", early_stopping_patience=2, critic_warmup_steps=0)


def history(*values, every=2):
    """Rows of a run that validates every so many steps; the first is that before the first step."""
    rows = [{"step": 0, "validation/f1": 0.9, "validation/em": 0.9}]
    for number, value in enumerate(values, start=1):
        rows += [{"step": every * number - 1}, {"step": every * number, "validation/f1": value}]
    return rows


def test_the_best_is_the_highest_and_of_equals_the_latest():
    assert Selection(PARAMS).best(history(0.3, 0.5, 0.5, 0.4)) == 6


def test_the_validation_before_the_first_step_is_no_checkpoint():
    assert Selection(PARAMS).best(history()) is None
    assert Selection(PARAMS).best(history(0.1)) == 2


def test_by_parameter_the_last_is_exported_or_another_metric_counts():
    assert Selection(replace(PARAMS, export="last")).best(history(0.3, 0.5, 0.4)) is None
    assert Selection(replace(PARAMS, best_metric="em")).best(history(0.3)) is None


@pytest.mark.parametrize(
    ("values", "ended"),
    [
        ((), False),
        ((0.5, 0.4), False),
        ((0.5, 0.4, 0.3), True),
        ((0.5, 0.4, 0.5), True),  # the same is no rise
        ((0.5, 0.4, 0.6), False),
        ((0.5, 0.4, 0.6, 0.6, 0.5), True),
    ],
)
def test_it_ends_after_two_validations_without_a_rise(values, ended):
    assert Selection(PARAMS).ended(history(*values)) is ended
    assert not Selection(replace(PARAMS, early_stopping_patience=None)).ended(history(*values))


def test_the_critic_s_warm_up_does_not_count():
    """The policy is the same until step 4: three equal validations say nothing."""
    warming = replace(PARAMS, critic_warmup_steps=4)
    assert not Selection(warming).ended(history(0.5, 0.5))
    assert not Selection(warming).ended(history(0.5, 0.5, 0.4))
    assert Selection(warming).ended(history(0.5, 0.5, 0.4, 0.5))
    assert Selection(replace(warming, algorithm="grpo")).ended(history(0.5, 0.5, 0.4))
