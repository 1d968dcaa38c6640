"""What is said to be unwatched is what DVC's own hash of the folder does not see."""

import os

import pytest
from dvc.repo import Repo
from dvc_data.hashfile.build import build

from stepsearch_core.fetching.watched import dead_link, unwatched_link


@pytest.fixture
def places(tmp_path):
    """A folder with a file, a link to a file and a link to a directory, and what the links lead to."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "folder"
    for place in (elsewhere, folder / "own"):
        place.mkdir(parents=True)
        (place / "a.csv").write_text("1")
    (folder / "a.csv").symlink_to(elsewhere / "a.csv")
    (folder / "linked").symlink_to(elsewhere)
    return folder


def dvc_hash(folder):
    with Repo.init(str(folder.parent), no_scm=True, force=True) as repo:
        from dvc.fs import localfs

        return build(repo.cache.local, str(folder), localfs, "md5", dry_run=True)[2].hash_info.value


@pytest.mark.parametrize(
    ("name", "link"), [("own/a.csv", None), ("a.csv", None), ("linked/a.csv", "linked")]
)
def test_changes_behind_a_link_to_a_directory_are_not_seen(places, name, link):
    assert unwatched_link(places, name) == (places / link if link else None)
    if name == "linked/a.csv":
        (places / "a.csv").unlink()  # which leads to the same file
    before = dvc_hash(places)
    (places / name).write_text("two")
    os.utime(places / name, (1, 1))
    assert (dvc_hash(places) == before) == (link is not None)


def test_a_link_below_what_is_named_counts(places):
    assert unwatched_link(places, ".") == places / "linked"
    assert unwatched_link(places, "own") is None


def test_the_folder_itself_may_be_a_link(places, tmp_path):
    (tmp_path / "door").symlink_to(places)
    assert unwatched_link(tmp_path / "door", "own/a.csv") is None


@pytest.mark.parametrize(
    ("name", "target", "found"),
    [
        ("own/x.txt", "nothing", True),
        (".hidden/x", "nothing", True),
        ("own/x.txt", "x.txt", True),
        ("own/x.txt", "a.csv", False),
        ("own/x", ".", False),
    ],
)
def test_a_link_to_nothing_is_where_dvc_ends(places, name, target, found):
    link = places / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)
    assert dead_link(places) == (link if found else None)
    if found:
        with pytest.raises(OSError, match=link.name):
            dvc_hash(places)
    else:
        assert dvc_hash(places)
