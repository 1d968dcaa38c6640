"""What tests run in processes of their own: each of the ways in which one can end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from stepsearch_core.doctor.trial import NotHereError, require


def doubled(number):
    return {"twice": 2 * number}


def refused():
    raise ValueError(f"no\nsuch thing in {Path.cwd()}/folder/file.txt")


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def aborted():
    sys.stderr.write("native code: assertion failed\n")
    sys.stderr.flush()
    os.abort()


def exiting():
    sys.exit("the library gave up")


def sleeping(file):
    """Goes on for a minute, as does a process that it has started."""
    child = subprocess.Popen(["sleep", "60"])
    with Path(file).open("w") as pids:
        pids.write(f"{os.getpid()} {child.pid}")
    time.sleep(60)


def aborted_at_exit():
    import atexit

    atexit.register(os.abort)
    return 1


def trial_sound(overrides):
    return {"overrides": len(overrides), "gap": 0.01234}


def trial_refused(overrides):
    require(False, "the loss is nan")


def trial_absent(overrides):
    raise NotHereError("no GPU")


def trial_aborted(overrides):
    os.abort()


def trial_hung(overrides):
    time.sleep(60)
