import pytest

from stepsearch_core.checking.check import check
from stepsearch_core.checking.finding import Severity
from tests.checkout import ROOT
from tests.endpoints import Chat


def found(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_rewards.py").write_text(
        "def penalty(made, asked):\n    return [0.0] * len(made.turns)\n"
    )
    findings = check(ROOT / "conf" / "tiny.yaml", [f"reward.terms={{{path}: 0.5}}"])
    return [finding for finding in findings if finding.field == "reward.terms"]


@pytest.mark.slow
def test_a_function_of_the_checkout_is_found(tmp_path, monkeypatch):
    assert found(tmp_path, monkeypatch, "own_rewards:penalty") == []


@pytest.mark.slow
def test_what_names_no_function_is_an_error(tmp_path, monkeypatch):
    [finding] = found(tmp_path, monkeypatch, "own_rewards:penalyt")
    assert finding.severity is Severity.ERROR
    assert "own_rewards:penalyt: cannot be imported" in finding.problem


JUDGE = "reward.terms={stepsearch_core.rewards.judge:Judge: 0.5}"


def judged(*overrides):
    findings = check(ROOT / "conf" / "tiny.yaml", [JUDGE, *overrides])
    return [
        (finding.severity, finding.field, finding.problem)
        for finding in findings
        if finding.field.startswith(("reward.", "endpoint."))
    ]


@pytest.mark.slow
def test_a_judge_needs_a_service_and_a_model():
    [(severity, field, problem)] = judged()
    assert (severity, field) == (Severity.ERROR, "endpoint.url")
    assert "the judge that reward.terms names needs it" in problem
    [(severity, field, _)] = judged("endpoint.url=http://localhost:1/v1")
    assert (severity, field) == (Severity.ERROR, "reward.judge_model")


@pytest.mark.slow
def test_a_judge_s_service_is_asked_for_its_models():
    with Chat(lambda messages: "") as service:
        url = f"endpoint.url={service.url}"
        assert judged(url, "reward.judge_model=m") == []
        [(severity, field, problem)] = judged(url, "reward.judge_model=other")
    assert (severity, field) == (Severity.WARNING, "reward.judge_model")
    assert "other is not among the service's: m" in problem
    [(severity, field, problem)] = judged(url, "reward.judge_model=m")  # it has gone
    assert (severity, field) == (Severity.WARNING, "endpoint.url")
    assert "unreachable" in problem
