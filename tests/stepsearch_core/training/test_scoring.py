import numpy as np
import pytest

from stepsearch_core.params import TrainParams
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.scoring import score
from tests import tiny

WORD = tiny.tokenizer()
TRAJECTORIES = tiny.random_trajectories(WORD, 6)
KNOWN = [np.empty((len(made.log_probs), 0), dtype=np.float32) for made in TRAJECTORIES]


def scores(has_critic=True, everything=False, **changes):
    params = TrainParams(micro_batch_tokens=100, **changes)
    learner = Learner(tiny.model(WORD, sharpness=2.0), params, has_critic)
    return learner, score(
        learner,
        TRAJECTORIES,
        KNOWN,
        terms=1,
        temperature=0.8,
        pad_token_id=WORD.pad_token_id,
        everything=everything,
    )


@pytest.mark.slow
def test_rows_are_those_of_single_passes_in_the_order_of_trajectories():
    learner, scored = scores(kl_coefficient=0.1)
    for number, made in enumerate(TRAJECTORIES):
        expected = tiny.plain_log_probs(learner.policy, made, 0.8).detach().numpy()
        assert scored.trainer[number] == pytest.approx(expected, abs=1e-5)
        assert scored.reference[number] == pytest.approx(expected, abs=1e-5)
        assert scored.values[number].tolist() == [[0.0]] * len(expected)
        assert len(scored.states[number]) == len(expected)


@pytest.mark.slow
def test_without_a_critic_or_a_need_one_micro_batch_is_asked():
    _, some = scores(has_critic=False, kl_coefficient=0.0)
    asked = [len(row) > 0 for row in some.trainer]
    assert any(asked)
    assert not all(asked)
    assert some.states == {}
    _, everything = scores(has_critic=False, kl_coefficient=0.0, everything=True)
    assert all(map(len, everything.trainer))


@pytest.mark.slow
def test_a_selection_keeps_rows_and_states_together():
    _, scored = scores()
    some = scored.of([4, 1])
    assert np.array_equal(some.trainer[0], scored.trainer[4])
    assert some.states[1] is scored.states[1]
    assert set(some.states) == {0, 1}
