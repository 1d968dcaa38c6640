"""Each profile says what differs from its base and no more; params.yaml is what the default one writes."""

from dataclasses import asdict

import pytest
import yaml

from stepsearch_core.params import load_params
from stepsearch_core.params.defaults import DEFAULTS
from stepsearch_core.params.values import is_section
from stepsearch_core.profiles import load_profile, profile_files
from stepsearch_core.profiles.comments import comments
from stepsearch_core.profiles.text import load
from tests.import_graph import ROOT
from tests.profiles import CONF, NAMES, profile, whole


def values(section, prefix="") -> dict[str, object]:
    """Values by dotted key; a mapping of free keys (`fetch.files`, say) is one."""
    found = {}
    for name, value in section.items():
        key = f"{prefix}{name}"
        found |= values(value, f"{key}.") if is_section(key) else {key: value}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_a_profile_says_differs_from_its_base_or_has_a_comment_of_its_own(name):
    *_, base, top = profile_files(CONF / f"{name}.yaml")
    below, here = values(asdict(load_profile(base))), values(asdict(profile(name)))
    said = comments(load(top))
    assert said.pop("base") == ""
    assert "profile" not in said  # it is the name of the file
    repeated = [key for key, comment in said.items() if here[key] == below[key] and not comment]
    assert not repeated, f"{top} repeats {base}: {repeated}"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_limits_fit_together(name):
    params = profile(name)
    environment = params.environment
    assert params.profile == name
    assert environment.max_trajectory_tokens <= params.model.max_positions
    assert (
        environment.max_turn_tokens + environment.max_observation_tokens < environment.max_trajectory_tokens
    )
    assert params.model.hidden_size % params.model.heads == 0
    assert (
        params.train.questions_per_step * params.train.samples_per_question % params.train.minibatches == 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_has_the_values_of_the_profile_for_every_reader(name, tmp_path):
    (tmp_path / "params.yaml").write_text(whole(name))
    assert load_params(tmp_path / "params.yaml") == profile(name)
    assert values(yaml.safe_load(whole(name))).keys() == values(asdict(profile(name))).keys()


def test_params_yaml_is_what_the_default_profile_writes():
    assert (ROOT / "params.yaml").read_text() == whole("tiny"), "`stepsearch profile tiny` restores it"


def test_files_of_parameters_have_lines_of_at_most_109_columns():
    files = [DEFAULTS, ROOT / "params.yaml", *CONF.glob("*.yaml")]
    long = [(file.name, line) for file in files for line in file.read_text().splitlines() if len(line) > 109]
    assert not long


def test_the_larger_model_of_the_paper_says_what_a_larger_model_needs():
    said = comments(load(CONF / "paper_7b.yaml"))
    assert len(said) <= 9
