import math
import re

import numpy as np
import pytest
import torch

from stepsearch_core.training.losses import MAX_LOG_RATIO
from stepsearch_core.training.mismatch import (
    PATIENCE,
    MismatchError,
    MismatchGuard,
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
    first, second = importance_weights(SAMPLER, TRAINER, 1.1)
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


def made(count=3, gap=0.0):
    """Trajectories, and a trainer's log-probabilities of their tokens that lie `gap` above the sampler's."""
    trajectories = tiny.random_trajectories(tiny.tokenizer(), count)
    return trajectories, [np.array(trajectory.log_probs) + gap for trajectory in trajectories]


def guard(limit=0.05, dtype=torch.float32, response="stop"):
    return MismatchGuard(limit, dtype, response)


def test_one_batch_beyond_the_limit_ends_nothing_and_the_offender_is_masked(caplog):
    trajectories, trainer = made()
    trainer[2] -= 0.4
    judge = guard()
    assert not judge.within(trajectories, trainer)
    assert judge.kept(trajectories, trainer) == [0, 1]
    (warning,) = caplog.messages
    assert re.search(
        r"more than the 0.05 of train.max_mismatch; most at question q2, policy token \d+ \(id \d+\): "
        r"log-probability .* when sampled, .* in training: 1 of 3 trajectories are masked",
        warning,
    )
    assert judge.steps_beyond == 1
    assert judge.within(*made())
    assert judge.steps_beyond == 0


def test_the_worst_token_is_named():
    trajectories, trainer = made()
    last = len(trainer[2]) - 1
    trainer[2][last] -= 9.0
    token, sampled = trajectories[2].segments[-1].token_ids[-1], trajectories[2].log_probs[last]
    expected = (
        rf"question q2, policy token {last} \(id {token}\): "
        rf"log-probability {sampled:.4f} when sampled, {sampled - 9:.4f} in training.* Weights that were not"
        r" pushed"
    )
    with pytest.raises(MismatchError, match=expected):
        guard(0.01).within(trajectories, trainer)


def test_what_persists_stops_training():
    judge = guard()
    trajectories, trainer = made()
    trainer[0] += 1.0
    assert [judge.within(trajectories, trainer) for _ in range(PATIENCE - 1)] == [False] * (PATIENCE - 1)
    with pytest.raises(MismatchError, match=f"{PATIENCE} steps in a row"):
        judge.within(trajectories, trainer)


def test_what_no_rounding_does_stops_training_at_once():
    assert not guard().within(*made(gap=0.499))
    with pytest.raises(MismatchError, match="1 steps in a row"):
        guard().within(*made(gap=0.501))


@pytest.mark.parametrize(("response", "kept"), [("mask", [1, 2]), ("warn", [0, 1, 2])])
def test_by_parameter_it_masks_or_warns_and_never_stops(response, kept, caplog):
    judge = guard(response=response)
    trajectories, trainer = made()
    trainer[0] += 50.0
    for _ in range(2 * PATIENCE):
        assert not judge.within(trajectories, trainer)
        assert judge.kept(trajectories, trainer) == kept
    assert len(caplog.messages) == 2 * PATIENCE


@pytest.mark.parametrize("response", ["mask", "warn"])
def test_what_is_no_number_is_masked_in_any_case(response):
    judge = guard(response=response)
    trajectories, trainer = made()
    trainer[1][0] = -np.inf
    assert not judge.within(trajectories, trainer)
    assert judge.kept(trajectories, trainer) == [0, 2]
    with pytest.raises(MismatchError, match="nothing to learn from"):
        judge.kept(trajectories, [row * np.nan for row in trainer])


def test_bfloat16_may_be_four_times_as_far_off():
    """A sound model in bfloat16 has a mean gap of .0475, the next batch perhaps .0525."""
    assert guard(dtype=torch.bfloat16).within(*made(gap=0.199))
    assert not guard(dtype=torch.bfloat16).within(*made(gap=0.201))
    assert guard().within(*made(gap=0.049))
    assert not guard().within(*made(gap=0.0525))
    assert guard(None).within(*made(gap=5.0))


def test_without_a_trajectory_left_training_stops():
    trajectories, trainer = made(gap=0.1)
    judge = guard()
    assert not judge.within(trajectories, trainer)
    with pytest.raises(MismatchError, match="nothing to learn from"):
        judge.kept(trajectories, trainer)


def test_the_mean_is_that_of_what_was_measured():
    trajectories, trainer = made()
    trainer[0] += 0.3
    assert guard(0.29).within(trajectories, [np.empty(0), np.empty(0), trainer[2]])
    assert not guard(0.29).within(trajectories, [trainer[0], np.empty(0), np.empty(0)])


def test_not_a_number_is_beyond_every_limit():
    trajectories, trainer = made()
    trainer[1][0] = np.nan
    judge = guard(0.5)
    assert not judge.within(trajectories, trainer)
    assert judge.kept(trajectories, trainer) == [0, 2]
    with pytest.raises(MismatchError, match=r"question q0, policy token 0 .* nan in training"):
        guard(0.5).within(trajectories, [row * np.nan for row in trainer])


def test_a_ratio_beyond_all_bounds_stays_finite():
    sampler, trainer = [np.array([-2000.0, -1.0])], [np.array([-1.0, -2000.0])]
    assert importance_weights(sampler, trainer, 1e9)[0].tolist() == pytest.approx(
        [math.exp(MAX_LOG_RATIO), 0]
    )
    assert mismatch(sampler, trainer)["mismatch/kl"] < 2e4
