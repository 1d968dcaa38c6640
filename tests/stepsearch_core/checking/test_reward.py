from stepsearch_core.checking.check import check
from stepsearch_core.checking.finding import Severity
from tests.checkout import ROOT


def found(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_rewards.py").write_text(
        "def penalty(made, asked):\n    return [0.0] * len(made.turns)\n"
    )
    findings = check(ROOT / "conf" / "tiny.yaml", [f"reward.terms={{{path}: 0.5}}"])
    return [finding for finding in findings if finding.field == "reward.terms"]


def test_a_function_of_the_checkout_is_found(tmp_path, monkeypatch):
    assert found(tmp_path, monkeypatch, "own_rewards:penalty") == []


def test_what_names_no_function_is_an_error(tmp_path, monkeypatch):
    [finding] = found(tmp_path, monkeypatch, "own_rewards:penalyt")
    assert finding.severity is Severity.ERROR
    assert "own_rewards:penalyt: cannot be imported" in finding.problem
