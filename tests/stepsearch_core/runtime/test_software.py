import shutil
import subprocess
from pathlib import Path

import pytest

from stepsearch_core.runtime import software
from stepsearch_core.runtime.software import PACKAGES, commit, note_commit, noted_commit, versions


def test_versions_name_what_is_installed_and_nothing_else():
    assert {"python", "torch", "transformers"} <= versions().keys() <= {"python", *PACKAGES}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with a core of two files, of which this module is one; and what asks git there."""

    def git(*arguments):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    module = tmp_path / "core" / "runtime" / "software.py"
    module.parent.mkdir(parents=True)
    shutil.copyfile(software.__file__, module)
    (tmp_path / "core" / "other.py").write_text("one = 1")
    (tmp_path / "params.yaml").write_text("seed: 0")
    git("init", "-q")
    git("add", "core/other.py", "params.yaml")
    git("commit", "-qm", "first")
    monkeypatch.setattr(software, "__file__", str(module))
    return tmp_path, git


def test_the_commit_of_the_core_and_whether_it_was_changed(checkout):
    folder, git = checkout
    assert commit() is None  # not a file of this repository, as in an environment inside of one
    git("add", "core/runtime")
    git("commit", "-qm", "second")
    assert commit() == git("rev-parse", "HEAD")
    (folder / "params.yaml").write_text("seed: 1")
    assert commit() == git("rev-parse", "HEAD")
    (folder / "core" / "other.py").write_text("one = 2")
    assert commit() == git("rev-parse", "HEAD") + "+changes"


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", str(Path("/nowhere")))
    assert commit() is None


def test_a_commit_is_noted_beside_what_it_made_and_holds_for_nothing_else(tmp_path, monkeypatch):
    made, note = tmp_path / "made.json", tmp_path / "timings" / "made.commit"
    made.write_text("{}")
    assert noted_commit(made, note) is None
    monkeypatch.setattr(software, "commit", lambda: "a" * 40)
    note_commit(made, note)
    assert noted_commit(made, note) == "a" * 40
    made.write_text("[]")  # by another checkout
    assert noted_commit(made, note) is None
    monkeypatch.setattr(software, "commit", lambda: None)
    note_commit(made, note)
    assert noted_commit(made, note) is None
