import subprocess

import pytest
from dvc.repo import Repo

from tasks.copies import Copy, cache_folder
from tests.profiles import profile
from tests.toy_study import toy_checkout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return toy_checkout(tmp_path_factory.mktemp("runs #1; of mine") / "toy")


@pytest.fixture
def copy(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return Copy("one", head.stdout.strip(), cache_folder())


def test_a_copy_has_the_cache_of_the_checkout_whatever_its_path(copy, checkout):
    copy.prepare(profile("tiny"))
    assert cache_folder() == checkout / ".dvc" / "cache"
    with Repo(str(copy.folder)) as repo:
        assert repo.cache.local_cache_dir == str(cache_folder())
