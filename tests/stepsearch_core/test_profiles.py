import pytest

from stepsearch_core.params import ParamsError, load_params
from stepsearch_core.profiles import activate, profile_names

TINY = "# a comment\nprofile: tiny\nseed: 3\ntrain:\n  steps: 9\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "tiny.yaml").write_text(TINY)
    (tmp_path / "conf" / "other.yaml").write_text("profile: other\n")
    return tmp_path / "conf"


def test_names_are_sorted(folder):
    assert profile_names(folder) == ["other", "tiny"]


def test_a_profile_without_overrides_keeps_its_comments(folder, tmp_path):
    assert activate("tiny", folder=folder, target=tmp_path / "params.yaml").seed == 3
    assert (tmp_path / "params.yaml").read_text() == TINY


def test_overrides_are_written_and_named(folder, tmp_path):
    target = tmp_path / "params.yaml"
    active = activate("tiny", ["train.steps=5", "fetch.files.musique=dev.jsonl"], folder, target)
    assert (active.seed, active.train.steps, active.fetch.files) == (3, 5, {"musique": "dev.jsonl"})
    assert load_params(target) == active
    assert target.read_text().splitlines()[0].endswith("with train.steps=5 fetch.files.musique=dev.jsonl")


@pytest.mark.parametrize("override", ["train.stepz=5", "train.steps=many", "nothing", "train.algorithm=dqn"])
def test_a_bad_override_leaves_the_active_parameters_alone(folder, tmp_path, override):
    target = tmp_path / "params.yaml"
    target.write_text("before")
    with pytest.raises(ParamsError):
        activate("tiny", [override], folder, target)
    assert target.read_text() == "before"


def test_an_unknown_profile_is_named_with_those_that_exist(folder):
    with pytest.raises(ParamsError, match=r"no profile 'huge'; there are: other, tiny"):
        activate("huge", folder=folder)
