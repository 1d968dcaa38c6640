"""Settings for every test: nothing reports home, nothing downloads, Prefect keeps its state in a folder of
this run.

Tests run in parallel by file, one worker a core and one thread a worker. What all workers read is made
once, in the folder that they share.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock

from tests.checkout import STAGES, copy_checkout, dvc, profile, stages_run

# A busy machine is no failure: no time limit for an example, no check of how fast data are drawn.
hypothesis.settings.register_profile(
    "project",
    max_examples=50,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=True,
)
hypothesis.settings.register_profile(
    "nightly", hypothesis.settings.get_profile("project"), max_examples=1000, derandomize=False
)
hypothesis.settings.load_profile("project")

PREFECT_HOME = tempfile.mkdtemp(prefix="stepsearch-prefect-")
atexit.register(shutil.rmtree, PREFECT_HOME, ignore_errors=True)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(
    PREFECT_HOME=PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    DO_NOT_TRACK="1",
    HF_HUB_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
)

MOST_WORKERS = 8
"""Each needs a gigabyte, and the longest file bounds the whole."""
LONGEST = (
    "tests/flows/test_service.py",
    "tests/test_pipeline.py",
    "tests/stepsearch_core/learning/test_distributed.py",
    "tests/tasks/test_train.py",
    "tests/tasks/test_resume.py",
)
"""Begun first, so that no worker is left with a long file when the others have ended."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker a core; none where files or tests are named one by one: they begin at once, heed `-s`."""
    if all(".py" in argument for argument in config.args):
        return 0
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, then those with slow tests; what is nightly or timed is slow."""
    for item in items:
        if item.get_closest_marker("nightly") or item.get_closest_marker("timing"):
            item.add_marker("slow")
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def turn(item: pytest.Item) -> tuple[int, bool]:
        name = item.path.relative_to(item.config.rootpath).as_posix()
        return LONGEST.index(name) if name in LONGEST else len(LONGEST), item.path not in slow

    items.sort(key=turn)


@pytest.fixture(scope="session")
def micro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the profile micro has run, the same for all workers: to be read, or to `fork`."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / "micro", shared / "micro.done"
    with FileLock(shared / "micro.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # another worker's, which failed
            folder.mkdir()
            profile(copy_checkout(folder), "micro")
            assert stages_run(dvc(folder, "repro")) == STAGES
            done.touch()
    return folder


@pytest.fixture
def fork(micro: Path, tmp_path: Path) -> Path:
    """A copy of `micro` for a test that changes something."""
    return Path(shutil.copytree(micro, tmp_path / "fork", symlinks=True))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of published benchmark files, which are not part of this repository."""
    folder = os.environ.get("STEPSEARCH_REAL_DATA")
    if not folder:
        pytest.skip("STEPSEARCH_REAL_DATA names no folder of published benchmark files")
    return Path(folder).resolve()
