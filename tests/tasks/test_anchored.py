import subprocess

import pytest

from tasks.anchored import anchored
from tests.profiles import profile


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """With a folder that git tracks and one that it does not."""
    monkeypatch.chdir(tmp_path)
    for name in ("tracked", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "tracked"], check=True)
    return tmp_path


def test_what_git_does_not_track_gets_an_absolute_path(checkout):
    params = anchored(profile("own", "fetch.folder=own", "model.source=own"))
    assert params.fetch.folder == params.model.source == str(checkout / "own")


def test_what_every_copy_has_and_names_of_the_hub_stay(checkout):
    params = profile("own", "fetch.folder=tracked", "model.source=somebody/model")
    assert anchored(params) == params
