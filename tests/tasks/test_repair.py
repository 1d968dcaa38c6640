"""Damage as kills leave it, in a small DVC project whose stages count how often they run."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest
from dvc.repo import Repo

from tasks.repair import DAMAGED, LOCK, RWLOCK, repair
from tests.checkout import commit, run
from tests.import_graph import ROOT

TOY = """
stages:
  first:
    cmd: echo first >> ran && mkdir one && echo {text} > one/text && echo more > one/more
    deps: [start]
    outs: [one]
  second:
    cmd: echo second >> ran && cp one/text two
    deps: [one]
    outs: [two]
"""


def reproduce() -> list[str]:
    """Bring the project up to date; returns the stages whose commands ran for it."""
    ran = Path("ran")
    before = ran.read_text().split() if ran.exists() else []
    with Repo() as repo:
        repo.reproduce()
    return ran.read_text().split()[len(before) :]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The project in git: the last commit has a run from before the present one."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        subprocess.run(["git", "init", "--quiet"], check=True)
        Repo.init().close()
        (folder / "start").write_text("here")
        for text in ("old", "new"):
            (folder / "dvc.yaml").write_text(TOY.format(text=text))
            assert reproduce() == ["first", "second"]
            if text == "old":
                commit(folder)
    return folder


@pytest.fixture
def toy(made, tmp_path, monkeypatch):
    """A copy of the project, to damage."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path, symlinks=True, dirs_exist_ok=True))
    return tmp_path


def whole_and_half(content: bytes) -> list[int]:
    """Places to cut: at the start, at ends of lines, where a prefix can be valid, and anywhere."""
    draw = random.Random(0)
    ends = [place for place, byte in enumerate(content) if byte == ord("\n")]
    return [0, 1, *ends[-6:], *draw.sample(ends, 4), *(draw.randrange(len(content)) for _ in range(4))]


@pytest.mark.slow
def test_dvc_lock_cut_anywhere_costs_no_result(toy):
    whole, two = LOCK.read_bytes(), (toy / "two").read_bytes()
    mended = 0
    for place in whole_and_half(whole):
        LOCK.write_bytes(whole[:place])
        done = repair()
        mended += bool(done)
        assert not done or DAMAGED.read_bytes() == whole[:place]
        assert reproduce() == []
        assert LOCK.read_bytes() == whole
        assert (toy / "two").read_bytes() == two
    assert mended >= 4


def test_the_message_says_what_became_of_it(toy):
    committed = subprocess.run(["git", "show", "HEAD:dvc.lock"], check=True, capture_output=True).stdout
    LOCK.write_bytes(b"")
    assert repair() == [
        "dvc.lock was damaged: it is the last commit's again (the damaged one is .dvc/tmp/dvc.lock.damaged; "
        "results come back from DVC's cache)"
    ]
    assert LOCK.read_bytes() == committed
    assert repair() == []


@pytest.mark.parametrize("state", ["no git", "no commit", "damaged in the commit"])
def test_without_a_committed_dvc_lock_the_damaged_one_is_removed(toy, state):
    whole = LOCK.read_bytes()
    LOCK.write_bytes(b"schema: '2.0'\nstages:\n  first:\n    cm")
    if state == "damaged in the commit":
        commit(toy)
    else:
        (toy / ".git").rename(toy / ".git.away")
    if state == "no commit":
        subprocess.run(["git", "init", "--quiet"], check=True)
    done = repair()
    assert not LOCK.exists()
    assert done[-1].startswith("dvc.lock was damaged: removed (")
    assert reproduce() == []
    assert LOCK.read_bytes() == whole


def test_a_folder_without_git_is_reproduced_all_the_same(toy):
    (toy / ".git").rename(toy / ".git.away")
    with pytest.raises(Exception, match="is not a git repository"):
        reproduce()
    (done,) = repair()
    assert (
        done
        == "this folder is in no git repository: DVC goes on without one (core.no_scm in .dvc/config.local)"
    )
    assert reproduce() == []
    assert repair() == []


def test_gits_command_is_not_needed(toy, monkeypatch):
    whole = LOCK.read_bytes()
    LOCK.write_bytes(b"")
    monkeypatch.setenv("PATH", str(toy))
    assert "it is the last commit's again" in repair()[0]
    assert reproduce() == []
    assert LOCK.read_bytes() == whole


def user(pid):
    return {"pid": pid, "cmd": "dvc repro"}


def ended_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "content", ["", '{"write": {"/a": {"pid": 1, "c', "[]", '{"write": {"/a": 3}}', "\x00" * 40]
)
def test_a_damaged_rwlock_is_removed(toy, content):
    RWLOCK.write_text(content)
    assert repair() == [".dvc/tmp/rwlock was left by a process that was killed: removed"]
    assert not RWLOCK.exists()
    assert reproduce() == []


def test_an_rwlock_counts_while_a_process_that_it_names_lives(toy):
    """An id that the system has given to a process which started after the file was written names nobody."""
    me = os.getpid()
    for pid, readers, age, stale in (
        (ended_process(), [], 0, True),
        (me, [], 0, False),
        (ended_process(), [user(me)], 0, False),
        (me, [], 60, True),
    ):
        RWLOCK.write_text(
            json.dumps({"write": {str(toy / "two"): user(pid)}, "read": {str(toy / "one"): readers}})
        )
        written = psutil.Process(me).create_time() - age if age else RWLOCK.stat().st_mtime
        os.utime(RWLOCK, (written, written))
        assert bool(repair()) is stale
        assert RWLOCK.exists() is not stale


def test_a_process_that_nobody_has_asked_after_does_not_live(toy):
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and its id is kept
    RWLOCK.write_text(json.dumps({"write": {str(toy / "two"): user(process.pid)}, "read": {}}))
    assert psutil.pid_exists(process.pid)
    assert repair() == [".dvc/tmp/rwlock was left by a process that was killed: removed"]
    process.wait()


@pytest.mark.slow
def test_nothing_is_touched_while_another_dvc_command_works(toy):
    LOCK.write_bytes(b"half")
    with Repo() as repo, repo.lock:
        done = run(toy, "tasks.repair", check=False, path=ROOT)
    assert done == "repair: another DVC command is at work here: nothing was mended\n"
    assert LOCK.read_bytes() == b"half"


@pytest.mark.slow
def test_outside_of_a_project_it_is_one_line(tmp_path):
    said = run(tmp_path, "tasks.repair", check=False, path=ROOT)
    assert said.startswith("repair: ")
    assert said.count("\n") == 1
