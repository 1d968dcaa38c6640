import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.serving.settings import VARIABLE, ServingSettings


def test_workers_get_the_settings_that_the_server_was_started_with(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    settings = ServingSettings(method="dense", cache="a 'folder'", timeout=0.5)
    settings.to_environment()
    assert ServingSettings.from_environment() == settings


def test_a_default_above_the_limit_is_refused():
    with pytest.raises(DataError, match=r"field '--topk': 9 is above --topk-limit, 8"):
        ServingSettings(topk=9, topk_limit=8)
