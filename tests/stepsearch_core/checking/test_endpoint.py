import pytest

from stepsearch_core.checking.check import check
from stepsearch_core.checking.finding import Severity
from tests.checkout import ROOT
from tests.endpoints import Chat

KEYS = ("endpoint.", "synthesize.generator", "synthesize.prompts")


def found(url, model, *overrides):
    given = [f"endpoint.url={url}", "synthesize.generator=endpoint", f"synthesize.generator_model={model}"]
    findings = check(ROOT / "conf" / "micro.yaml", [*given, *overrides])
    return [(f.severity, f.field, f.problem) for f in findings if f.field.startswith(KEYS)]


@pytest.mark.slow
def test_the_service_that_writes_search_keys_is_asked_for_its_models():
    with Chat(lambda messages: "") as service:
        assert found(service.url, "m") == []
        [(severity, field, problem)] = found(service.url, "other")
    assert (severity, field) == (Severity.WARNING, "synthesize.generator_model")
    assert "other is not among the service's: m" in problem
    [(severity, field, problem)] = found("http://127.0.0.1:9/v1", "m")
    assert (severity, field) == (Severity.WARNING, "endpoint.url")
    assert "unreachable" in problem


def test_its_prompt_is_read():
    with Chat(lambda messages: "") as service:
        [(severity, field, problem)] = found(service.url, "m", "synthesize.prompts=no/such")
    assert (severity, field) == (Severity.ERROR, "synthesize.prompts")
    assert "no/such" in problem
