import pytest

from stepsearch_core.params import ParamsError
from stepsearch_core.studies.runs import main_runs
from stepsearch_core.studies.study import Setting, Study, Variant
from tasks.making import experiment_name, with_keys
from tests.import_graph import ROOT


@pytest.fixture(autouse=True)
def checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


def runs(*variants, setting=""):
    study = Study(
        name="own",
        variants={name: Variant() for name in variants},
        settings={setting: Setting()},
        replicates=[["seed=0", "train.clip_range=0.2"]],
    )
    return main_runs(study, {}, ROOT / "conf")


@pytest.mark.parametrize(
    ("variant", "setting", "name"),
    [
        ("no_key", "", "own-no-key-seed-0-train-clip-range-0.2"),
        ("a..b", "s/../1.lock", "own-a-b-s-1-lock-seed-0-train-clip-range-0.2"),
        ("λ", "", "own-seed-0-train-clip-range-0.2"),
    ],
)
def test_experiments_have_names_that_git_takes(variant, setting, name):
    assert [experiment_name(run) for run in runs(variant, setting=setting)] == [name]


def test_two_runs_with_one_name_for_their_experiments_are_refused():
    with pytest.raises(ParamsError, match=r"own: a-b, seed 0.* and a_b, seed 0.* rename"):
        with_keys(runs("a_b", "a-b"))
