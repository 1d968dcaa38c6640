import subprocess

import pytest
from dvc.repo import Repo

from tasks.copies import Copy, RunFailedError, cache_folder
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
    made = Copy("one", head.stdout.strip(), cache_folder())
    yield made
    made.discard()


def test_a_copy_has_the_cache_of_the_checkout_whatever_its_path(copy, checkout):
    copy.prepare(profile("tiny"))
    assert cache_folder() == checkout / ".dvc" / "cache"
    with Repo(str(copy.folder)) as repo:
        assert repo.cache.local_cache_dir == str(cache_folder())


def test_copies_commit_under_the_name_that_commits_have_here_or_the_programs(copy, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert _named_by(copy) == "StepSearch"
    copy.discard()
    subprocess.run(["git", "config", "user.name", "Own Name"], check=True)
    assert _named_by(copy) == "Own Name"


def _named_by(copy):
    copy.prepare(profile("tiny"))
    asked = ["git", "-C", str(copy.folder), "config", "user.name"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def test_a_failure_is_said_in_the_words_of_who_failed(copy, checkout):
    copy.prepare(profile("tiny", "seed=4"))
    with pytest.raises(RunFailedError, match="Invalid exp name"):
        copy.save_experiment("a..b")
    with pytest.raises(RunFailedError, match="git: fatal: reference is not a tree"):
        Copy("two", "0" * 40, cache_folder()).prepare(profile("tiny"))
