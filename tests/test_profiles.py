"""Every profile states every key of the schema, and params.yaml is a copy of the default one."""

import pytest
from omegaconf import OmegaConf

from stepsearch_core.params import Params, load_params
from tests.import_graph import ROOT

PROFILES = sorted((ROOT / "conf").glob("*.yaml"))


def keys(config, prefix="") -> set[str]:
    """Dotted keys of all values; an empty or free-form mapping (`fetch.files`, say) counts as one value."""
    found = set()
    for key, value in config.items():
        name = f"{prefix}{key}"
        section = isinstance(value, dict) and value and name not in ("fetch.files", "fetch.datasets")
        found |= keys(value, f"{name}.") if section else {name}
    return found


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_profile_is_valid_and_complete(path):
    assert load_params(path).profile == path.stem
    stated = keys(OmegaConf.to_container(OmegaConf.load(path)))
    assert stated == keys(OmegaConf.to_container(OmegaConf.structured(Params)))


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_limits_fit_together(path):
    params = load_params(path)
    environment = params.environment
    assert environment.max_trajectory_tokens <= params.model.max_positions
    assert (
        environment.max_turn_tokens + environment.max_observation_tokens < environment.max_trajectory_tokens
    )
    assert params.model.hidden_size % params.model.heads == 0
    assert (
        params.train.questions_per_step * params.train.samples_per_question % params.train.minibatches == 0
    )


def test_params_yaml_is_the_default_profile():
    default = (ROOT / "conf" / "tiny.yaml").read_text()
    assert (ROOT / "params.yaml").read_text() == default, "`stepsearch profile tiny` restores it"
