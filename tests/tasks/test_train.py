"""Killed at any moment, `train` goes on from its last whole checkpoint and ends as if nothing had
happened.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stepsearch_core.base.io import read_jsonl
from tests.checkout import dvc, profile, run
from tests.killed import check_kills_change_nothing

pytestmark = pytest.mark.slow

SHORT = ("train.steps=5", "train.checkpoint_every=1", "train.validate_every=100")


@pytest.fixture
def checkout(fork) -> Path:
    """A checkout in which everything up to `warmstart` has run."""
    profile(fork, "micro", *SHORT)
    return fork


def final_metrics(folder: Path) -> list[dict]:
    """Every step's metrics."""
    return [row for _, row in read_jsonl(folder / "data" / "train" / "metrics.jsonl")]


@pytest.mark.parametrize(
    ("kills", "ends", "resumptions"), [(3, 1, 1), pytest.param(30, 10, 11, marks=pytest.mark.nightly)]
)
def test_random_kills_and_every_result_is_that_of_an_uninterrupted_run(checkout, kills, ends, resumptions):
    check_kills_change_nothing(checkout, "train", "*/step_*", kills, ends, resumptions)


def start_training(folder: Path) -> tuple[subprocess.Popen, int]:
    """`dvc repro train` up to its first checkpoint: dvc's process and the trainer's id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "train"],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not any(folder.glob("checkpoints/*/step_*")):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    trains_here = next(folder.glob("checkpoints/*/step_*")).parent
    return process, int((trains_here / "pid").read_text().split()[0])


def test_dvcs_process_group_killed(checkout):
    """That what it ends with is the same is the test above."""
    profile(checkout, "micro", "train.steps=12", "train.checkpoint_every=1")
    process, _ = start_training(checkout)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert "resuming after step" in dvc(checkout, "repro", "train")
    assert [row["step"] for row in final_metrics(checkout)] == list(range(13))


def test_dvc_alone_killed_the_next_run_names_the_trainer_that_lives_on(checkout):
    profile(checkout, "micro", "train.steps=400", "train.checkpoint_every=1")
    process, trainer = start_training(checkout)
    process.kill()
    process.wait()
    refused = run(checkout, "dvc", "repro", "train", check=False)
    while "Directory not empty" in refused:  # DVC clears data/train first, where the trainer is just writing
        refused = run(checkout, "dvc", "repro", "train", check=False)
    assert f"process {trainer} on {socket.gethostname()} is training here" in refused
    os.kill(trainer, signal.SIGKILL)


@pytest.mark.nightly
def test_an_edited_answer_reward_starts_anew(checkout):
    """No run mixes two rewards; what else starts anew is in `test_made_by.py`."""
    profile(checkout, "micro", "train.steps=2", "train.checkpoint_every=1")
    process, _ = start_training(checkout)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with (checkout / "stepsearch_core" / "metrics" / "answers.py").open("a", encoding="utf-8") as file:
        file.write(
            "\n\ndef word_f1(prediction, answers, segment=words):\n    return exact_match(prediction,"
            " answers)\n"
        )
    assert "resuming" not in dvc(checkout, "repro", "train")
    log = json.loads((checkout / "data" / "train" / "metrics.jsonl").read_text().splitlines()[-1])
    assert log["step"] == 2
