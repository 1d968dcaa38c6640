"""Processes that end with everything below them: dvc and a launcher's ranks outlive a killed parent."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress

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
