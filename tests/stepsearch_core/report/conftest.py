from pathlib import Path
from typing import Any

import pytest

from stepsearch_core.params import Params
from tests.report_data import make_metrics, write_outputs


@pytest.fixture
def metrics() -> dict[str, Any]:
    return make_metrics()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_outputs(tmp_path)
    return tmp_path


@pytest.fixture
def params() -> Params:
    params = Params(profile="tiny")
    params.report.case_studies = 6
    return params
