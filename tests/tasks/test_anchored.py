import subprocess

import pytest

from tasks import anchored as anchored_module
from tasks.anchored import anchored
from tests.profiles import profile


@pytest.fixture(autouse=True)
def fresh():
    anchored_module._tracked.cache_clear()


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


def test_a_folder_that_git_tracks_in_part_stays_here_too(checkout):
    (checkout / "tracked" / "questions.jsonl").write_text("")
    assert anchored(profile("own", "fetch.folder=tracked")).fetch.folder == str(checkout / "tracked")


def test_what_python_caches_beside_code_is_no_part_of_a_folder(checkout):
    cached = checkout / "tracked" / "__pycache__" / "world.cpython-311.pyc"
    cached.parent.mkdir()
    cached.write_text("")
    params = profile("own", "fetch.folder=tracked")
    assert anchored(params) == params  # as it is in a copy, where nothing is cached


def test_models_and_encoders_of_other_policies_are_paths_as_well(checkout):
    other = 'evaluate.others={released: {source: own, changes: ["retrieval.encoder=own"]}}'
    found = anchored(profile("own", other)).evaluate.others["released"]
    assert (found.source, found.changes) == (
        str(checkout / "own"),
        [f"retrieval.encoder={checkout / 'own'}"],
    )
