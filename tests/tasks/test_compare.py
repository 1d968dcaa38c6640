"""Studies run for real, by git and DVC, in a checkout whose stages take no time."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from tests.checkout import commit, dvc, run
from tests.import_graph import ROOT
from tests.toy_study import STUDY, stages_of, toy_checkout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "stages"


@pytest.fixture(scope="module")
def toy(tmp_path_factory, log):
    """A checkout in which the study has been run once, and what that said."""
    folder = toy_checkout(tmp_path_factory.mktemp("toy"))
    os.environ["TOY_LOG"] = str(log)
    yield folder, compare(folder)
    del os.environ["TOY_LOG"]


def compare(folder, *options, check=True):
    return run(folder, "tasks.compare", "toy", "--jobs", "2", *options, check=check, path=ROOT)


def analysis(folder):
    return json.loads((folder / "studies" / "toy" / "analysis.json").read_text())


def test_every_run_is_made_once_and_what_they_have_in_common_once_a_replicate(toy, log):
    folder, said = toy
    ran = stages_of(log)
    count = Counter(name for name, _, _ in ran)
    assert count == {
        **{name: count[name] for name in ("fetch", "corpus", "index")},
        **dict.fromkeys(("synthesize", "warmstart"), 2),
        **dict.fromkeys(("train", "evaluate", "report"), 4),
    }
    assert max(count[name] for name in ("fetch", "corpus", "index")) <= 2
    assert {entry for entry in ran if entry[0] == "train"} == {
        ("train", algorithm, seed) for algorithm in ("steppo", "ppo") for seed in (0, 1)
    }
    assert "4 runs to be made, 2 at once, and 2 warm starts before them" in said
    assert "ratio" in said
    page = (folder / "studies" / "toy" / "index.html").read_text()
    assert "StePPO" in page
    assert "outcome PPO" in (folder / "studies" / "toy" / "results.md").read_text()
    scores = analysis(folder)["scores"][""]
    assert {name: scores[name]["mean"]["f1"]["value"] for name in scores} == {"steppo": 0.75, "ppo": 0.5}
    assert analysis(folder)["differences"][""]["steppo"]["mean"]["f1"]["value"] == 0.25
    assert list((folder / "checkpoints" / "studies").glob("*/")) == []


def test_nothing_new_takes_seconds_and_runs_nothing(toy, log):
    folder, _ = toy
    before, began = len(stages_of(log)), time.monotonic()
    assert "nothing new" in compare(folder)
    assert time.monotonic() - began < 10
    assert len(stages_of(log)) == before


def test_runs_are_experiments_that_dvc_compares(toy):
    folder, _ = toy
    listed = dvc(folder, "exp", "list", "--all-commits", "--name-only").split()
    assert sorted(listed) == sorted(
        f"toy-{variant}-seed-{seed}" for variant in ("steppo", "ppo") for seed in (0, 1)
    )
    refs = subprocess.run(["git", "for-each-ref", "refs/exps"], cwd=folder, capture_output=True, text=True)
    assert "refs/exps/exec" not in refs.stdout  # of DVC's work in the copy
    told = json.loads(dvc(folder, "metrics", "diff", "--json", "toy-ppo-seed-0", "toy-steppo-seed-0"))
    difference = told["data/evaluate/metrics.json"]["trained.mean.f1"]
    assert (difference["old"], difference["new"]) == (0.5, 0.75)
    assert "toy-steppo-seed-1" in dvc(folder, "exp", "show", "--csv")
    dvc(folder, "get", ".", "data/train/metrics.jsonl", "--rev", "toy-steppo-seed-1", "--out", "log.jsonl")
    assert len((folder / "log.jsonl").read_text().splitlines()) == 5  # out of this checkout's cache


def test_a_new_seed_and_a_grid_run_only_what_is_new(toy, log):
    folder, _ = toy
    before = len(stages_of(log))
    text = STUDY.replace("  - [seed=1]\n", "  - [seed=1]\n  - [seed=2]\n")
    (folder / "conf" / "studies" / "toy.yaml").write_text(text)
    assert "to make  steppo, seed 2" in compare(folder, "--plan")
    assert len(stages_of(log)) == before
    compare(folder)
    new = stages_of(log)[before:]
    assert {seed for _, _, seed in new} == {2}
    assert [name for name, _, _ in new].count("warmstart") == 1
    assert analysis(folder)["differences"][""]["steppo"]["mean"]["f1"]["n"] == 3


@pytest.mark.nightly
def test_the_best_point_of_the_grid_is_taken_and_the_grid_is_shown(toy, log):
    folder, _ = toy
    grid = "tuning:\n  grid: {train.learning_rate: [0.01, 0.02]}\n  replicates:\n    - [seed=9]\n"
    (folder / "conf" / "studies" / "toy.yaml").write_text(STUDY.replace("  - [seed=1]\n", "") + grid)
    before = len(stages_of(log))
    compare(folder)
    new = stages_of(log)[before:]
    assert Counter(name for name, _, seed in new if seed == 9) == {
        **dict.fromkeys(("synthesize", "warmstart"), 1),
        "train": 4,
    }
    tuned = analysis(folder)["tuning"]
    assert {name: entry["chosen"] for name, entry in tuned.items()} == {
        name: {"train.learning_rate": "0.02"} for name in ("steppo", "ppo")
    }
    assert [len(entry["grid"]) for entry in tuned.values()] == [2, 2]


def test_a_failed_run_is_named_and_the_others_are_made(toy, log, monkeypatch):
    folder, _ = toy
    (folder / "conf" / "studies" / "toy.yaml").write_text(STUDY.replace("seed=1", "seed=4"))
    monkeypatch.setenv("TOY_BROKEN", "ppo")
    said = compare(folder, check=False)
    assert "missing: ppo, seed 4: see studies/logs/" in said
    assert "out of luck" in said
    lost = analysis(folder)["missing"]
    assert [(run["variant"], run["replicate"]) for run in lost] == [("ppo", 1)]
    monkeypatch.delenv("TOY_BROKEN")
    before = len(stages_of(log))
    compare(folder)
    assert [name for name, _, _ in stages_of(log)[before:]] == ["train", "evaluate", "report"]
    assert analysis(folder)["missing"] == []


@pytest.mark.nightly
def test_a_killed_study_leaves_no_process_and_goes_on(toy, log, monkeypatch):
    folder, _ = toy
    (folder / "conf" / "studies" / "toy.yaml").write_text(STUDY.replace("seed=1", "seed=5"))
    command = [sys.executable, "-m", "tasks.compare", "toy", "--jobs", "2"]
    pid_file = log.with_name("pid")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TOY_SLOW": "steppo"}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as running:
        until = time.monotonic() + 60
        while not (pid_file.is_file() and pid_file.read_text()) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(4)  # the other run has ended by now
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 130
    stage = int(pid_file.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(stage, 0)
    before = len(stages_of(log))
    compare(folder)
    again = stages_of(log)[before:]
    assert ("train", "steppo", 5) in again
    assert not [name for name, _, _ in again if name == "warmstart"]


def test_code_that_is_not_committed_is_refused(toy):
    folder, _ = toy
    (folder / "conf" / "studies" / "toy.yaml").write_text(STUDY.replace("seed=1", "seed=6"))
    stage = folder / "stage.py"
    stage.write_text(stage.read_text() + "# changed\n")
    said = compare(folder, check=False)
    assert "compare: commit stage.py first: a study's runs are of a commit" in said
    commit(folder)
    assert "to make  steppo, seed 0" in compare(folder, "--plan")  # other code, other results
