import json
import os
import subprocess
import sys

import pytest

from tests.import_graph import ROOT


def last_line(name, **environment):
    """The JSON object that a quick run prints last."""
    command = [sys.executable, "-m", "perf", name, "--quick"]
    ran = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    line = json.loads(ran.stdout.splitlines()[-1])
    assert set(line) == {"perf", "figures", "both_sides", "workload"}
    assert line["perf"] == name
    assert len(line["workload"]["sha256"]) == 64
    return line


@pytest.mark.slow
def test_gae():
    line = last_line("gae")
    assert line["figures"]["gae_max_error"] < 1e-12
    assert 1e-9 < line["figures"]["gae_max_error_fp32"] < 1e-5  # rounded to float32 it cannot be exact
    assert len(line["both_sides"]["errors_float64"]) == 6
    assert line["workload"]["trajectories"] == 100
    assert last_line("gae")["workload"] == line["workload"]


@pytest.mark.slow
def test_rewards(real_data):
    line = last_line("rewards")
    sides, figures = line["both_sides"], line["figures"]
    ratios = [a / b for a, b in zip(sides["released_microseconds"], sides["ours_microseconds"], strict=True)]
    assert figures["reward_speedup"] == pytest.approx(sorted(ratios)[1])
    assert figures["reward_speedup"] > 50  # 100 on an idle machine
    assert line["workload"]["repeats"] == 3
    assert 60 < line["workload"]["words_per_passage"] < 120


def test_without_published_text_the_rewards_are_skipped():
    ran = subprocess.run(
        [sys.executable, "-m", "perf", "rewards", "--quick"],
        cwd=ROOT,
        env={**os.environ, "STEPSEARCH_REAL_DATA": ""},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("skipped: STEPSEARCH_REAL_DATA")
