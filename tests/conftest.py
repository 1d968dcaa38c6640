"""Settings for every test: nothing reports home, nothing downloads, Prefect keeps its state in a folder of
this run.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest

# A busy machine is no failure: no time limit for an example, no check of how fast data are drawn.
hypothesis.settings.register_profile(
    "project", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize=True
)
hypothesis.settings.load_profile("project")

PREFECT_HOME = tempfile.mkdtemp(prefix="stepsearch-prefect-")
atexit.register(shutil.rmtree, PREFECT_HOME, ignore_errors=True)
os.environ.update(
    PREFECT_HOME=PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    DO_NOT_TRACK="1",
    HF_HUB_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of published benchmark files, which are not part of this repository."""
    folder = os.environ.get("STEPSEARCH_REAL_DATA")
    if not folder:
        pytest.skip("STEPSEARCH_REAL_DATA names no folder of published benchmark files")
    return Path(folder).resolve()
