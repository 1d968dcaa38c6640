"""Processes that save checkpoints as fast as they can until they are killed: `python -m tests.savers
FOLDER`.

For each line "SECONDS" on its input it forks one, kills it with -9 after so many seconds and answers with
the signal. It is a process of its own because a test run may be too large to be forked.
"""

import itertools
import os
import signal
import sys
import time
from pathlib import Path

from stepsearch_core.learning.run_folder import RunFolder

PARAMETERS = {"train": {"steps": 4}, "seed": 0}
TEXT = "x" * 100_000


def deep(text):
    """A checkpoint of one file in a folder of its own."""

    def checkpoint(folder):
        (folder / "state").mkdir(parents=True)
        (folder / "state" / "weights").write_text(text)

    return checkpoint


def save_for_ever(folder):
    """One checkpoint after the other."""
    run_folder = RunFolder(folder, PARAMETERS, [])
    for step in itertools.count(run_folder.last_step() + 1):
        run_folder.save(step, deep(f"{step}{TEXT}"), {"history": [{"step": step}]})


def main(folder):
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                save_for_ever(folder)
            finally:
                os._exit(1)
        time.sleep(float(line))
        os.kill(child, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
