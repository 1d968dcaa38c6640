import pytest

from stepsearch_core.params import ParamsError, load_params
from stepsearch_core.profiles import activate


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "small.yaml").write_text("# a small one\n\nbase: defaults\nseed: 3\n")
    return tmp_path / "conf"


def test_what_is_written_is_what_is_active(folder, tmp_path):
    target = tmp_path / "params.yaml"
    active = activate("small", ["train.steps=5", "fetch.files.musique=dev.jsonl"], folder, target)
    assert (active.seed, active.train.steps, active.fetch.files) == (3, 5, {"musique": "dev.jsonl"})
    assert load_params(target) == active


@pytest.mark.parametrize("override", ["train.stepz=5", "train.steps=many", "nothing", "train.algorithm=dqn"])
def test_a_bad_override_leaves_the_active_parameters_alone(folder, tmp_path, override):
    target = tmp_path / "params.yaml"
    target.write_text("before")
    with pytest.raises(ParamsError):
        activate("small", [override], folder, target)
    assert target.read_text() == "before"


def test_an_unknown_profile_is_named_with_those_that_exist(folder):
    with pytest.raises(ParamsError, match=r"no profile 'huge'; there are: small"):
        activate("huge", folder=folder)
