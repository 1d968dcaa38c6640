import pytest

from flows import train_stepsearch as flows
from flows.checkout import CheckoutBusyError, checkout_lock
from stepsearch_core.params import ParamsError


@pytest.mark.parametrize(("profile", "overrides"), [("huge", None), (None, ["train.steps=1"])])
def test_bad_parameters_stop_the_flow_before_any_stage(tmp_path, monkeypatch, profile, overrides):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError):
        flows.train_stepsearch.fn(profile, overrides)


def test_a_second_run_in_the_checkout_leaves_its_parameters_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with checkout_lock(), pytest.raises(CheckoutBusyError):
        flows.train_stepsearch.fn("micro")
    assert not (tmp_path / "params.yaml").exists()
