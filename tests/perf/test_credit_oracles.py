import pytest

from perf.credit_oracles import SETTINGS, largest_error


def test_every_estimator_is_its_definition():
    assert largest_error() < 1e-12


@pytest.mark.parametrize("name", ["steppo", "ppo", "grpo", "rloo", "reinforce_pp"])
def test_every_algorithm_is_among_them(name):
    assert name in {settings["algorithm"] for settings in SETTINGS}
