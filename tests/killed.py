"""A stage that is killed with -9 at random moments, again and again, and what it ends with."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

# One process imports everything once and forks the stage for each line "SECONDS" on its input: it kills it
# with -9 after so many seconds (never for "inf") and answers with how it ended and how long it took.
FORK_STAGES = """
import importlib, os, select, signal, sys, time
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # libraries print while they are imported
import deepspeed, torch, transformers.models.qwen3.modeling_qwen3
stage = importlib.import_module("tasks." + sys.argv[1])
from stepsearch_core.params import load_params
print("ready", file=answers, flush=True)
for line in sys.stdin:
    started, child = time.monotonic(), os.fork()
    if child == 0:
        stage.main(load_params())
        os._exit(0)
    descriptor = os.pidfd_open(child)
    timeout = None if line.strip() == "inf" else float(line)
    if not select.select([descriptor], [], [], timeout)[0]:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    print(os.waitstatus_to_exitcode(status), time.monotonic() - started, file=answers, flush=True)
"""


def outputs(folder: Path) -> dict[str, bytes]:
    """Every file in a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def check_kills_change_nothing(
    checkout: Path, stage: str, kept: str, kills: int = 3, ends: int = 1, resumptions: int = 1
) -> None:
    """A stage that was killed is started again, and perhaps killed again; whichever gets through ends with
    the files of one that was left alone, but for the trackers' of training, which have times in them.

    Args:
        checkout: all that the stage reads has been made in it.
        stage: its name.
        kept: a pattern below `checkpoints`, of what a start can go on from.
        kills: that there are at least.
        ends: that are compared at least.
        resumptions: starts from something kept, at least.
    """

    def outcome() -> dict[str, bytes]:
        made = outputs(checkout / "data" / stage)
        return {name: content for name, content in made.items() if not name.startswith("dvclive")}

    forking = subprocess.Popen(
        [sys.executable, "-c", FORK_STAGES, stage],
        cwd=checkout,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def start(kill_after: float = float("inf")) -> tuple[int, float]:
        # as DVC does before it runs the stage
        shutil.rmtree(checkout / "data" / stage, ignore_errors=True)
        assert forking.stdout
        print(kill_after, file=forking.stdin, flush=True)
        status, seconds = forking.stdout.readline().split()
        return int(status), float(seconds)

    try:
        assert forking.stdout
        assert forking.stdout.readline() == "ready\n"
        status, seconds = start()
        assert status == 0
        expected = outcome()
        assert not any((checkout / "checkpoints").glob(kept))
        draw, killed, resumed, compared = random.Random(0), 0, 0, 0
        while killed < kills or compared < ends or resumed < resumptions:
            resumed += any((checkout / "checkpoints").glob(kept))
            status, _ = start(draw.uniform(0.0, 1.1 * seconds))
            if status == -signal.SIGKILL:
                killed += 1
                continue
            assert status == 0
            assert outcome() == expected
            compared += 1
    finally:
        forking.kill()
