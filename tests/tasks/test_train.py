"""Killed at any moment, `train` goes on from its last whole checkpoint and ends as if nothing had
happened.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stepsearch_core.base.io import read_jsonl
from tests.checkout import dvc, profile, run

pytestmark = pytest.mark.slow

SHORT = ("train.steps=5", "train.checkpoint_every=1", "train.validate_every=100")

# One process imports everything once and forks a trainer for each line "SECONDS" on its input: it kills the
# trainer with -9 after so many seconds (never for "inf") and answers with how the trainer ended and how long
# it took.
FORK_TRAINERS = """
import os, select, signal, sys, time
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # libraries print while they are imported
import deepspeed, torch, transformers.models.qwen3.modeling_qwen3
import tasks.train
from stepsearch_core.params import load_params
print("ready", file=answers, flush=True)
for line in sys.stdin:
    started, child = time.monotonic(), os.fork()
    if child == 0:
        tasks.train.main(load_params())
        os._exit(0)
    descriptor = os.pidfd_open(child)
    timeout = None if line.strip() == "inf" else float(line)
    if not select.select([descriptor], [], [], timeout)[0]:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    print(os.waitstatus_to_exitcode(status), time.monotonic() - started, file=answers, flush=True)
"""


@pytest.fixture
def checkout(fork) -> Path:
    """A checkout in which everything up to `warmstart` has run."""
    profile(fork, "micro", *SHORT)
    return fork


def final_metrics(folder: Path) -> list[dict]:
    """Every step's metrics."""
    return [row for _, row in read_jsonl(folder / "data" / "train" / "metrics.jsonl")]


def weights(folder: Path) -> bytes:
    return (folder / "data" / "train" / "policy" / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("kills", "ends", "resumptions"), [(3, 1, 1), pytest.param(30, 10, 11, marks=pytest.mark.nightly)]
)
def test_random_kills_and_every_result_is_that_of_an_uninterrupted_run(checkout, kills, ends, resumptions):
    """A run that was killed is started again, and perhaps killed again; whichever gets through is
    compared.
    """
    trainers = subprocess.Popen(
        [sys.executable, "-c", FORK_TRAINERS],
        cwd=checkout,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def train(kill_after: float = float("inf")) -> tuple[int, float]:
        assert trainers.stdout
        print(kill_after, file=trainers.stdin, flush=True)
        status, seconds = trainers.stdout.readline().split()
        return int(status), float(seconds)

    try:
        assert trainers.stdout
        assert trainers.stdout.readline() == "ready\n"
        status, seconds = train()
        assert status == 0
        expected, expected_weights = final_metrics(checkout), weights(checkout)
        assert len(expected) == 6
        draw, killed, resumed, compared = random.Random(0), 0, 0, 0
        while killed < kills or compared < ends:
            # as DVC does before it runs the stage
            shutil.rmtree(checkout / "data" / "train", ignore_errors=True)
            resumed += any(checkout.glob("checkpoints/*/step_*"))
            status, _ = train(draw.uniform(0.0, seconds))
            if status == -signal.SIGKILL:
                killed += 1
                continue
            assert status == 0
            assert final_metrics(checkout) == expected
            assert weights(checkout) == expected_weights
            compared += 1
        assert resumed >= resumptions
    finally:
        trainers.kill()


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
