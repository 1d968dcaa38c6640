import pytest

from stepsearch_core.doctor.trial import TrialError
from stepsearch_core.doctor.trials.training import same_update, step, warm_start

pytestmark = pytest.mark.slow


def test_a_policy_that_is_fine_tuned_searches():
    figures = warm_start(())
    assert figures["loss"] < 0.5 * figures["from"]
    assert figures["searches"] >= 8


def test_a_step_moves_the_weights():
    figures = step(("train.lora_rank=4", "model.dtype=bfloat16"))
    assert figures["moved"] > 0
    assert figures["mismatch"] < 0.2


def test_an_update_is_the_plain_one_and_another_is_noticed():
    figures = same_update(("train.zero_stage=2", "train.gradient_checkpointing=true"))
    assert figures["apart"] < 1e-3 * figures["moved"]
    with pytest.raises(TrialError, match="not the plain update"):
        same_update(("train.learning_rate=0.0002",))
