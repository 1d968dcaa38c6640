"""The example's own numbers, worked out by hand."""

import pytest

from examples.score_a_trajectory import main


def test_each_reward_sits_on_its_token(capsys):
    rewards = main()
    gain_alone, half_repeated, answered = 0.5, 0.5 - 0.2 * 0.5, 1 + 0.6 * (1 + 2 / 3) / 2
    assert rewards == pytest.approx(
        [0, 0, 0, 0, gain_alone, 0, 0, 0, half_repeated, 0, 0, answered], abs=1e-12
    )
    assert "search in turn 1: gain 0.50, redundancy 0.50" in capsys.readouterr().out
