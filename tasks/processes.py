"""Processes that end with everything below them: dvc and a launcher's ranks outlive a killed parent."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

GRACE = 20.0
"""Seconds that interrupted processes have to end by themselves (a launcher's workers first)."""


def stop(process: subprocess.Popen[str]) -> None:
    """End the whole group of a process that leads one: asked first, killed after `GRACE`."""
    for deadly in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + GRACE
        with suppress(ProcessLookupError):  # the whole group has gone
            os.killpg(process.pid, deadly)
            while time.monotonic() < until:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.05)
            continue
        return


def stop_left(leader: int, folder: Path) -> None:
    """End a group whose parent was killed, if any of it still works below `folder`: ids are given anew."""
    for deadly in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + GRACE
        if _works(leader, folder):
            os.killpg(leader, deadly)
        while _works(leader, folder) and time.monotonic() < until:
            time.sleep(0.05)


def _works(leader: int, folder: Path) -> bool:
    """Whether a process of the group has its working directory there."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == leader and Path(process.cwd()).is_relative_to(folder.resolve()):
                return True
    return False
