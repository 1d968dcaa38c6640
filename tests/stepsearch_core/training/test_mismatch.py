import numpy as np
import pytest

from stepsearch_core.training.mismatch import (
    MismatchError,
    check_mismatch,
    importance_weights,
    mismatch,
    within_sequence_limit,
)
from tests import tiny

SAMPLER = [np.array([-1.0, -2.0]), np.array([-0.5])]
TRAINER = [np.array([-1.1, -1.8]), np.array([-0.5])]


def test_figures_by_hand():
    # gaps -.1, .2, 0; k3: exp(-.1) - 1 + .1 = .0048374, exp(.2) - 1 - .2 = .0214028, 0
    assert mismatch(SAMPLER, TRAINER) == pytest.approx(
        {"mismatch/mean": 0.1, "mismatch/max": 0.2, "mismatch/kl": 0.0087467}, abs=1e-6
    )


def test_what_was_not_measured_does_not_count():
    empty = np.empty(0)
    assert mismatch([np.array([-3.0]), *SAMPLER], [empty, *TRAINER]) == mismatch(SAMPLER, TRAINER)


def test_weights_are_truncated_from_above_only():
    (first, second) = importance_weights(SAMPLER, TRAINER, 1.1)
    assert first.tolist() == pytest.approx([np.exp(-0.1), 1.1])  # exp(.2) = 1.22
    assert second.tolist() == [1.0]
    assert [row.tolist() for row in importance_weights(SAMPLER, TRAINER, None)] == [[1, 1], [1]]


def test_a_trajectory_far_off_on_average_is_left_out_in_either_direction():
    # geometric means exp(.05) = 1.051, 1, exp(-.3) = .741 and its inverse
    trainer = [*TRAINER, np.array([-1.3]), np.array([-0.7])]
    sampler = [*SAMPLER, np.array([-1.0]), np.array([-1.0])]
    assert within_sequence_limit(sampler, trainer, 1.1) == [0, 1]
    assert within_sequence_limit(sampler, trainer, 1.04) == [1]
    assert within_sequence_limit(sampler, trainer, 1.35) == [0, 1, 2, 3]
    assert within_sequence_limit(sampler, trainer, None) == [0, 1, 2, 3]


def test_beyond_the_limit_the_worst_token_is_named():
    trajectories = tiny.random_trajectories(tiny.tokenizer(), 3)
    trainer = [np.array(trajectory.log_probs) + 0.01 for trajectory in trajectories]
    assert check_mismatch(trajectories, trainer, 0.02)["mismatch/mean"] == pytest.approx(0.01)
    last = len(trainer[2]) - 1
    trainer[2][last] -= 3.0
    token = trajectories[2].segments[-1].token_ids[-1]
    sampled = trajectories[2].log_probs[last]
    expected = (
        rf"more than train.max_mismatch = 0.02; most at question q2, policy token {last} \(id {token}\): "
        rf"log-probability {sampled:.4f} when sampled, {sampled - 2.99:.4f} in training"
    )
    with pytest.raises(MismatchError, match=expected):
        check_mismatch(trajectories, trainer, 0.02)
    assert check_mismatch(trajectories, trainer, None)["mismatch/max"] == pytest.approx(2.99)


def test_not_a_number_is_beyond_every_limit():
    trajectories = tiny.random_trajectories(tiny.tokenizer(), 2)
    trainer = [np.array(trajectory.log_probs) for trajectory in trajectories]
    trainer[1][0] = np.nan
    with pytest.raises(MismatchError, match=r"question q1, policy token 0 .* nan in training"):
        check_mismatch(trajectories, trainer, 0.5)
