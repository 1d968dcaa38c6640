"""Kills of the whole pipeline: `dvc repro` and everything under it ended with -9 at random moments, and
started again.

Works on the last commit, in a clone of its own, with the profile micro. A run that is left alone comes
first. Then each round starts from nothing, kills one run of `dvc repro`, mends what `make repro` mends and
lets `dvc repro` end. Every third kill waits for DVC to say that it writes dvc.lock, and comes some
milliseconds later. What counts is whether all rounds end with status 0 and with the metrics, the policy and
the dvc.lock of the run that was left alone.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from perf.measure import report
from stepsearch_core.base.hashes import sha256_file
from stepsearch_core.base.streams import Name, draws

KILLS = 50
QUICK = 3
WRITES = "Updating lock file"
"""What DVC says before it writes dvc.lock."""
OUTCOME = (
    "dvc.lock",
    "data/evaluate/metrics.json",
    "data/train/metrics.jsonl",
    "data/train/policy/model.safetensors",
)
MADE = (".dvc/cache", ".dvc/tmp", "data", "checkpoints")


def main(quick: bool) -> None:
    """Kill and finish 50 runs (`quick`: 3), print how many ended as the one that was left alone."""
    draw = draws(0, Name.MEASUREMENT)
    kills = QUICK if quick else KILLS
    with tempfile.TemporaryDirectory(prefix="stepsearch-kills-") as name:
        folder = Path(name) / "checkout"
        subprocess.run(["git", "clone", "--quiet", ".", folder], check=True)
        _run(folder, "stepsearch_core.cli", "profile", "micro")
        started = time.perf_counter()
        _run(folder, "dvc", "repro")
        seconds = time.perf_counter() - started
        expected = _outcome(folder)
        counts = dict.fromkeys(("rounds", "ended_with_0", "identical", "mended"), 0)
        for number in range(kills):
            _forget(folder)
            moment = _kill(folder, draw, aimed=number % 3 == 2, seconds=seconds)
            mended = _run(folder, "tasks.repair", check=False)
            counts["mended"] += "repair: " in mended.stderr
            ended = _run(folder, "dvc", "repro", check=False)
            counts["rounds"] += 1
            counts["ended_with_0"] += ended.returncode == 0
            counts["identical"] += ended.returncode == 0 and _outcome(folder) == expected
            said = f"{mended.stderr.strip()} {ended.stdout[-2000:] if ended.returncode else ''}".strip()
            print(f"killed {moment}: {counts}{f' ({said})' if said else ''}", file=sys.stderr, flush=True)
        report(
            "kills",
            counts,
            {"seconds_left_alone": seconds},
            kills,
            [folder / "dvc.yaml", folder / "params.yaml"],
        )
    sys.exit(counts["identical"] != kills)


def _kill(folder: Path, draw: random.Random, aimed: bool, seconds: float) -> str:
    """Start `dvc repro` and kill its process group; returns when."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env=_environment(),
        stdout=subprocess.PIPE if aimed else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    if aimed:
        write, wait = draw.randint(1, 8), draw.uniform(0, 0.06)
        assert process.stdout is not None
        for line in process.stdout:
            write -= WRITES in line
            if not write:
                break
        moment = f"{wait * 1000:.0f} ms into a write of dvc.lock"
    else:
        wait = draw.uniform(0, seconds)
        moment = f"after {wait:.1f} s"
    time.sleep(wait)
    with suppress(ProcessLookupError):  # it was faster than the run that was left alone
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return moment


def _forget(folder: Path) -> None:
    """As if nothing had ever run here."""
    for name in MADE:
        shutil.rmtree(folder / name, ignore_errors=True)
    subprocess.run(["git", "checkout", "--quiet", "dvc.lock"], cwd=folder, check=True)


def _outcome(folder: Path) -> list[str]:
    return [sha256_file(folder / name) for name in OUTCOME]


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "TQDM_DISABLE": "1", "PYTHONUNBUFFERED": "1"}


def _run(folder: Path, *module: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *module]
    return subprocess.run(
        command, cwd=folder, env=_environment(), check=check, capture_output=True, text=True
    )
