from pathlib import Path

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.evaluation.policies import folder_of
from stepsearch_core.params import EvaluateParams, ModelParams, Params, PolicyParams


def params(**others):
    return Params(profile="test", evaluate=EvaluateParams(others=others))


def test_policies_of_stages_lie_in_their_outputs():
    made = {name: folder_of(name, Path("d"), params()) for name in ("warmstart", "trained", "gold_keys")}
    assert made == {
        "warmstart": Path("d/warmstart/policy"),
        "trained": Path("d/train/policy"),
        "gold_keys": Path("d/warmstart/policy"),
    }


def test_another_may_be_a_folder_anywhere(tmp_path):
    assert folder_of("mine", Path("d"), params(mine=PolicyParams(str(tmp_path)))) == tmp_path


def test_without_a_source_it_is_the_run_s_model(tmp_path):
    run = Params(
        profile="test",
        model=ModelParams(source=str(tmp_path)),
        evaluate=EvaluateParams(others={"mine": PolicyParams()}),
    )
    assert folder_of("mine", Path("d"), run) == tmp_path


def test_a_name_of_the_hub_needs_a_revision():
    with pytest.raises(DataError, match=r"owner/name: .*no such folder, and a name of the hub needs a rev"):
        folder_of("theirs", Path("d"), params(theirs=PolicyParams("owner/name")))


@pytest.mark.parametrize("name", ["owner/name", "not a name at all//"])
def test_what_the_hub_does_not_give_is_named(name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=f"{name}: .*cannot be had from the hub"):
        folder_of("theirs", Path("d"), params(theirs=PolicyParams(name, "main")))
