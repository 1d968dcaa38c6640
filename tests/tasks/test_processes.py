import os
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from tasks import processes
from tasks.processes import stop_left

LEADS = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1]])
"""
STAYS = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("begun").touch()
time.sleep(60)
"""


@pytest.fixture
def left(tmp_path):
    """A process in `tmp_path` that a signal to end does not end, and its group, whose leader has gone."""
    leader = subprocess.Popen([sys.executable, "-c", LEADS, STAYS], cwd=tmp_path, start_new_session=True)
    until = time.monotonic() + 30
    while not (tmp_path / "begun").is_file() and time.monotonic() < until:
        time.sleep(0.02)
    leader.wait()
    yield leader.pid
    if working(leader.pid):
        os.killpg(leader.pid, 9)


def working(group):
    """Those of a group that have not ended; in a container without init such stay as zombies."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


@pytest.mark.slow
def test_what_a_killed_command_left_is_ended(left, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "GRACE", 0.5)
    assert working(left)
    stop_left(left, tmp_path)
    assert not working(left)


def test_a_group_that_works_elsewhere_is_left_alone(left, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    stop_left(left, tmp_path / "elsewhere")
    assert working(left)
